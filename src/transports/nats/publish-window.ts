import type { Subscription } from 'rxjs';
import { TransportClosedError } from '../../core/errors.ts';
import { fifo } from '../../core/fifo.ts';
import type { Attachment } from '../../core/puller.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { NatsCodec } from './nats-codec.ts';
import { pubAckReader } from './pub-ack.ts';
import type { PublishRun, PublishRunOwner } from './publish-run.ts';
import type { Wire } from './wire.ts';

/** What bounds the messages of all publishes that are on their way at a time. */
export interface PublishWindow extends PublishRunOwner {
  /** Sends a run's messages as there is room, in turns with the other runs. */
  open(run: PublishRun): void;
}

/** What a window needs. */
export interface PublishWindowOptions {
  readonly wire: Wire;
  readonly life: TransportLife;
  readonly codec: NatsCodec;
  readonly inFlight: number;
}

/**
 * Makes a window that lets `inFlight` messages be on their way at a time; what has no room is not sent.
 *
 * While there is no connection nothing is sent. What had been sent and has an id is sent again when there is one.
 */
export function publishWindow({ wire, life, codec, inFlight }: PublishWindowOptions): PublishWindow {
  const runs = new Set<PublishRun>();
  const queue = fifo<PublishRun>();
  let used = 0;
  let pumping = false;
  let changes: Subscription | undefined;

  const attachment: Attachment = {
    get unsettled() {
      return runs.size;
    },
    detach: () => undefined, // what was published is still published
    abandon(reason) {
      const count = runs.size;
      abandon('The transport was closed before the stream confirmed the message', reason);
      return count;
    },
  };

  function pump(): void {
    if (pumping) return;
    pumping = true;
    while (used < inFlight && queue.size > 0) {
      if (!wire.connected) {
        offline();
        break;
      }
      const run = queue.shift();
      if (run?.hasMore !== true) continue;
      used += 1;
      run.sendNext();
      if (run.hasMore) queue.push(run);
    }
    pumping = false;
  }

  function offline(): void {
    if (changes !== undefined) return;
    const end = () => abandon('The connection was closed', new TransportClosedError(life.name));
    if (wire.closed) return end();
    changes = wire.changes$.subscribe({ next: () => wire.connected && online(), complete: end });
    for (const run of runs) run.disconnected();
  }

  function online(): void {
    forgetChanges();
    for (const run of runs) run.reconnected();
    pump();
  }

  function forgetChanges(): void {
    changes?.unsubscribe();
    changes = undefined;
  }

  function abandon(said: string, reason: unknown): void {
    for (const run of [...runs]) run.abandon(said, reason);
  }

  return {
    wire,
    codec,
    inFlight,
    readAck: pubAckReader(),
    offline,
    released() {
      used -= 1;
      if (queue.size > 0) pump();
    },
    ended(run) {
      runs.delete(run);
      if (runs.size > 0) return;
      forgetChanges();
      life.attachments.delete(attachment);
      life.settled();
    },
    open(run) {
      if (runs.size === 0) life.attachments.add(attachment);
      runs.add(run);
      queue.push(run);
      if (changes !== undefined) run.disconnected();
      pump();
    },
  };
}
