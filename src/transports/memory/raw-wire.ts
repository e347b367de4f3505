import { NEVER } from 'rxjs';
import { fifo } from '../../core/fifo.ts';
import type { RawMessage, RawWire } from '../../core/raw-wire.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { encodeUtf8 } from '../../core/utf8.ts';
import { type Router, router } from './router.ts';

/** Raw messages of one broker, between all its transports. */
export type RawRouter = (life: TransportLife) => RawWire;

const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/**
 * Makes a broker's router of raw messages, and the wire of each transport on it.
 *
 * A message is handed over before `publish` returns, unless it is published while another one is: it then waits its turn,
 * so that who answers at once does not come between.
 */
export function rawRouter(): RawRouter {
  const listeners: Router<RawMessage> = router();
  const waiting = fifo<RawMessage>();
  let routing = false;

  function run(): void {
    if (routing) return;
    routing = true;
    try {
      for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
        const heard = listeners.route(message) > 0;
        if (heard || message.reply === undefined) continue;
        waiting.push({ address: message.reply, reply: undefined, data: NOTHING, unheard: true });
      }
    } finally {
      routing = false;
    }
  }

  return (life) => ({
    life,
    connected: true,
    connected$: NEVER,
    maxPayload: Number.POSITIVE_INFINITY,
    publish(address, data, reply) {
      waiting.push({ address, reply, data: typeof data === 'string' ? encodeUtf8(data) : data, unheard: false });
      run();
    },
    listen: (address, queue, receive) => listeners.listen(address, queue, receive),
  });
}
