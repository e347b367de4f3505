import type { Subscription } from 'rxjs';
import { TransportClosedError } from '../../core/errors.ts';
import { fifo } from '../../core/fifo.ts';
import type { Attachment } from '../../core/puller.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import { encoderOf, type NatsCodec } from './nats-codec.ts';
import { pubAckReader } from './pub-ack.ts';
import type { PublishJob, PublishOwner } from './publish-job.ts';
import type { StreamLookup } from './stream-lookup.ts';
import type { Wire } from './wire.ts';

/** What bounds the messages of all publishes that are on their way at a time. */
export interface PublishWindow extends PublishOwner {
  /** Sends a job's messages as there is room, in turns with the other jobs. */
  open(job: PublishJob): void;
}

/** What a window needs. */
export interface PublishWindowOptions {
  readonly wire: Wire;
  readonly life: TransportLife;
  readonly codec: NatsCodec;
  readonly lookup: StreamLookup;
  readonly inFlight: number;
}

/** How many jobs that have ended may stand in the queue, beside as many as there are others. */
const SLACK = 256;

/**
 * Makes a window that lets `inFlight` messages be on their way at a time; what has no room is not sent.
 *
 * While there is no connection nothing is sent. What had been sent and has an id is sent again when there is one.
 */
export function publishWindow({ wire, life, codec, lookup, inFlight }: PublishWindowOptions): PublishWindow {
  const jobs = new Set<PublishJob>();
  const queue = fifo<PublishJob>();
  let used = 0;
  let pumping = false;
  let changes: Subscription | undefined;

  const attachment: Attachment = {
    get unsettled() {
      return jobs.size;
    },
    detach: () => undefined, // what was published is still published
    abandon(reason) {
      const count = jobs.size;
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
      const job = queue.shift();
      if (job?.hasMore !== true) continue;
      used += 1;
      job.sendNext();
      if (job.hasMore) queue.push(job);
    }
    pumping = false;
  }

  function offline(): void {
    if (changes !== undefined) return;
    const end = () => abandon('The connection was closed', new TransportClosedError(life.name));
    if (wire.closed) return end();
    changes = wire.changes$.subscribe({ next: () => wire.connected && online(), complete: end });
    for (const job of jobs) job.disconnected();
  }

  function online(): void {
    forgetChanges();
    for (const job of jobs) job.reconnected();
    pump();
  }

  function forgetChanges(): void {
    changes?.unsubscribe();
    changes = undefined;
  }

  function abandon(said: string, reason: unknown): void {
    for (const job of [...jobs]) job.abandon(said, reason);
  }

  return {
    wire,
    encode: encoderOf(codec),
    lookup,
    inFlight,
    hasStored: false,
    readAck: pubAckReader(),
    offline,
    released() {
      used -= 1;
      if (queue.size > 0) pump();
    },
    ended(job) {
      jobs.delete(job);
      if (queue.size > 2 * jobs.size + SLACK)
        for (const waiting of queue.drain()) if (waiting.hasMore) queue.push(waiting);
      if (jobs.size > 0) return;
      forgetChanges();
      life.attachments.delete(attachment);
      life.settled();
    },
    open(job) {
      if (jobs.size === 0) life.attachments.add(attachment);
      jobs.add(job);
      queue.push(job);
      if (changes !== undefined) job.disconnected();
      pump();
    },
  };
}
