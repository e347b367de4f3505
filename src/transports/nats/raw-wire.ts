import { distinctUntilChanged, filter, map } from 'rxjs';
import type { RawMessage, RawWire } from '../../core/raw-wire.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { ClientMessage } from './client.ts';
import type { HandOver } from './hand-over.ts';
import { isUnheard } from './request-raw.ts';
import type { Wire } from './wire.ts';

/** What a server takes unless it says otherwise. */
const USUAL_PAYLOAD = 1_048_576;

/** Makes the raw wire of a core transport. */
export function rawWire(wire: Wire, life: TransportLife, send: HandOver): RawWire {
  return {
    life,
    get connected() {
      return wire.connected;
    },
    connected$: wire.changes$.pipe(
      filter(({ kind }) => kind === 'connected' || kind === 'disconnected'),
      map(({ kind }) => kind === 'connected'),
      distinctUntilChanged(),
    ),
    get maxPayload() {
      return wire.client.info?.max_payload ?? USUAL_PAYLOAD;
    },
    publish: (address, data, reply) => send(address, data, undefined, reply),
    listen: (address, queue, receive, refused) =>
      wire.listen(address, queue, (message) => receive(new NatsRawMessage(message)), refused),
  };
}

/** A class, as there is one for each message, whose address most do not ask for. */
class NatsRawMessage implements RawMessage {
  readonly #message: ClientMessage;

  constructor(message: ClientMessage) {
    this.#message = message;
  }

  get address(): string {
    return this.#message.subject;
  }

  get reply(): string | undefined {
    return this.#message.reply || undefined;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get unheard(): boolean {
    return isUnheard(this.#message);
  }
}
