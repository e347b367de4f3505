import type { Answer, AnswersEnd, Event, IncomingRequest, Status } from 'millrace';
import { type MemoryTransport, memoryBroker, memoryTransport } from 'millrace/memory';
import { type VirtualTime, virtualTime } from 'millrace/testing';
import type { Observable, Subscription } from 'rxjs';

export const ADDRESS = 'prices.get';

/** Makes an event. */
export function sample(id: string, data: unknown = id, type = 'test.sample'): Event {
  return { specversion: '1.0', id, source: '/test', type, data };
}

/** Two transports on one broker: who asks, and who answers. */
export interface QueryRig {
  readonly time: VirtualTime;
  readonly asking: MemoryTransport;
  readonly answering: MemoryTransport;
  /** What the answering transport says was dropped. */
  readonly drops: readonly Extract<Status, { kind: 'dropped' }>[];
}

export function queryRig(): QueryRig {
  const time = virtualTime();
  const broker = memoryBroker({ scheduler: time });
  const answering = memoryTransport(broker);
  const drops: Extract<Status, { kind: 'dropped' }>[] = [];
  answering.status$.subscribe((status) => status.kind === 'dropped' && drops.push(status));
  return { time, asking: memoryTransport(broker), answering, drops };
}

/** Listens at an address, and answers by hand. */
export function respond(
  { answering }: QueryRig,
  answer: (request: IncomingRequest) => unknown = () => undefined,
  address: string = ADDRESS,
): { readonly seen: readonly IncomingRequest[]; close(): void } {
  const seen: IncomingRequest[] = [];
  const subscription = answering.requests({ address }).subscribe((request) => {
    seen.push(request);
    answer(request);
  });
  return { seen, close: () => subscription.unsubscribe() };
}

/** What came from an Observable, as text: `1`, `ended`, `failed CODE`, `unreadable`; `end count` last; `completed`, or an error's name. */
export interface Written {
  readonly log: readonly string[];
  readonly end: AnswersEnd | undefined;
  readonly error: unknown;
  readonly subscription: Subscription;
}

export function written(source: Observable<Answer | AnswersEnd>): Written {
  const log: string[] = [];
  const state: { end?: AnswersEnd; error?: unknown } = {};
  const subscription = source.subscribe({
    next(answer) {
      log.push(write(answer));
      if (answer.kind === 'end') state.end = answer;
    },
    error(error: unknown) {
      log.push((error as Error).name);
      state.error = error;
    },
    complete: () => log.push('completed'),
  });
  return {
    log,
    subscription,
    get end() {
      return state.end;
    },
    get error() {
      return state.error;
    },
  };
}

function write(answer: Answer | AnswersEnd): string {
  if (answer.kind === 'reply') return answer.event.id;
  if (answer.kind === 'failed') return `failed ${answer.error.remoteCode}`;
  return answer.kind === 'end' ? `end ${answer.reason.kind}` : answer.kind;
}
