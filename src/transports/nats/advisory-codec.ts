import { createEvent } from '../../core/create-event.ts';
import { DecodeError } from '../../core/errors.ts';
import { decodeUtf8, encodeUtf8 } from '../../core/utf8.ts';
import type { NatsCodec } from './nats-codec.ts';

/** What an advisory of JetStream says, in the server's words: what else is there depends on its type. */
export interface AdvisoryData {
  readonly stream: string;
  readonly consumer?: string;
  readonly stream_seq?: number;
  readonly consumer_seq?: number;
  readonly deliveries?: number;
  readonly reason?: string;
  readonly domain?: string;
}

interface RawAdvisory extends AdvisoryData {
  readonly type: string;
  readonly id: string;
  readonly timestamp: string;
}

/**
 * Makes the codec of JetStream's advisories: each is an event of its own type, such as
 * `io.nats.jetstream.advisory.v1.max_deliver`, whose subject is the stream and whose data are {@link AdvisoryData}.
 *
 * Give it to `natsTransport` to hear advisories live, or to `jetstreamTransport` to read a stream that keeps them. It
 * writes nothing but them.
 */
export function advisoryCodec(): NatsCodec {
  return {
    encode: (event) => ({ headers: undefined, data: encodeUtf8(JSON.stringify(event.data)) }),
    decode({ data }) {
      let advisory: Partial<RawAdvisory>;
      try {
        advisory = JSON.parse(decodeUtf8(data)) as Partial<RawAdvisory>;
        const { type, id, timestamp = null, stream } = advisory;
        if (typeof type !== 'string' || typeof id !== 'string' || typeof stream !== 'string')
          throw new TypeError('an advisory has a type, an id and a stream');
        return createEvent({ type, id, time: timestamp, source: '/nats/jetstream', subject: stream, data: advisory });
      } catch (cause) {
        throw new DecodeError('it must be an advisory of JetStream', data, { cause });
      }
    },
    headersOf: () => ({}),
  };
}
