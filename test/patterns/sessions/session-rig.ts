import type { RawMessage, RawWire, SessionEnd, Wired } from 'millrace';
import { type ServeSessionsOptions, type SessionHandler, serveSessions } from 'millrace';
import { type MemoryTransport, memoryBroker, memoryTransport } from 'millrace/memory';
import { type VirtualTime, virtualTime } from 'millrace/testing';
import { type Observable, type SchedulerLike, Subject } from 'rxjs';

/** A message that went through a gate. */
export interface Passed {
  readonly to: string;
  readonly text: string;
}

/** One side's way to the network, for a test to break and to look at. */
export interface Gate extends Wired {
  readonly transport: MemoryTransport;
  /** What this side has sent, also what was lost. */
  readonly sent: Passed[];
  /** Loses everything, in both directions, and tells nobody. */
  cut(): void;
  mend(): void;
  /** Loses what this side sends next, if it matches; so many messages of them. */
  lose(pattern: RegExp, count?: number): void;
  /** Holds all that this side sends for so many ms. */
  delay(time: number): void;
  /** Has the next message refused with an error. */
  refuse(error: unknown): void;
  /** Says that the connection was lost, or found. */
  connected(is: boolean): void;
}

export interface SessionRig {
  readonly time: VirtualTime;
  readonly producer: Gate;
  readonly consumer: Gate;
  /** Another client. */
  gate(name: string): Gate;
  /** Serves at `s`, and returns how the sessions end. */
  serve(handler: SessionHandler, options?: ServeSessionsOptions): { readonly ends: SessionEnd[]; stop(): void };
}

const decoder = new TextDecoder();

function gateOn(transport: MemoryTransport): Gate {
  const { wire } = transport;
  const sent: Passed[] = [];
  const changes = new Subject<boolean>();
  let whole = true;
  let up = true;
  let losing: RegExp | undefined;
  let left = 0;
  let latency = 0;
  let refusal: { readonly error: unknown } | undefined;

  const gated: RawWire = {
    life: wire.life,
    get connected() {
      return up;
    },
    connected$: changes,
    maxPayload: 1_048_576,
    publish(address, data, reply) {
      const text = typeof data === 'string' ? data : decoder.decode(data);
      if (refusal !== undefined) {
        const { error } = refusal;
        refusal = undefined;
        throw error;
      }
      sent.push({ to: address, text });
      if (!whole) return;
      if (left > 0 && losing?.test(text) === true) {
        left -= 1;
        return;
      }
      if (latency === 0) wire.publish(address, data, reply);
      else wire.life.scheduler.schedule(() => wire.publish(address, data, reply), latency);
    },
    listen: (address, queue, receive, refused) =>
      wire.listen(address, queue, (message: RawMessage) => whole && receive(message), refused),
  };

  return {
    transport,
    wire: gated,
    sent,
    cut() {
      whole = false;
    },
    mend() {
      whole = true;
    },
    lose(pattern, count = 1) {
      losing = pattern;
      left = count;
    },
    delay(time) {
      latency = time;
    },
    refuse(error) {
      refusal = { error };
    },
    connected(is) {
      up = is;
      changes.next(is);
    },
  };
}

/** Makes clients on a clock. */
export function gatesOn(scheduler: SchedulerLike): (name: string) => Gate {
  const broker = memoryBroker({ scheduler });
  return (name) => gateOn(memoryTransport(broker, { name }));
}

/** Two clients in virtual time. */
export function sessionRig(): SessionRig {
  const time = virtualTime();
  const gate = gatesOn(time);
  const [producer, consumer] = [gate('/producer'), gate('/consumer')];
  return {
    time,
    producer,
    consumer,
    gate,
    serve(handler, options) {
      const ends: SessionEnd[] = [];
      const serving = serveSessions(producer, 's', handler, options).subscribe((end) => ends.push(end));
      return { ends, stop: () => serving.unsubscribe() };
    },
  };
}

/** What an Observable has emitted so far, then `|` or the error. */
export interface Seen<T> {
  readonly values: T[];
  readonly error: unknown;
  readonly completed: boolean;
  /** When it ended, in virtual time. */
  readonly endedAt: number | undefined;
  close(): void;
}

export function see<T>(source: Observable<T>, time: VirtualTime): Seen<T> {
  const values: T[] = [];
  let error: unknown;
  let completed = false;
  let endedAt: number | undefined;
  const subscription = source.subscribe({
    next: (value) => values.push(value),
    error: (reason: unknown) => {
      error = reason;
      endedAt = time.now();
    },
    complete: () => {
      completed = true;
      endedAt = time.now();
    },
  });
  return {
    values,
    get error() {
      return error;
    },
    get completed() {
      return completed;
    },
    get endedAt() {
      return endedAt;
    },
    close: () => subscription.unsubscribe(),
  };
}
