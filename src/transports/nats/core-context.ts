import type { Addressing } from '../../core/addressing.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { HandOver } from './hand-over.ts';
import type { Encoder, NatsCodec } from './nats-codec.ts';
import type { Wire } from './wire.ts';

/** What the parts of one core transport share. */
export interface CoreContext {
  readonly wire: Wire;
  readonly life: TransportLife;
  readonly codec: NatsCodec;
  readonly encode: Encoder;
  readonly addresses: Addressing;
  readonly send: HandOver;
}
