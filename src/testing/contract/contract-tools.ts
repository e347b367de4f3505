import assert from 'node:assert/strict';
import type { Observable, Subscription } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import type { PublishOptions, Receipt, Requester, Responder } from '../../core/transport.ts';
import type { ContractContext } from './contract-case.ts';

/** Between two looks at a condition, in ms. */
const STEP = 10;

/** Longer than anything that is to happen soon takes, in ms. */
const PATIENCE = 10_000;

/** Makes an event. What `attributes` has wins. */
export function sample(id: string, attributes: Readonly<Record<string, unknown>> = {}): Event {
  return {
    specversion: '1.0',
    id,
    source: '/contract',
    type: 'contract.sample',
    time: '2026-01-02T03:04:05.678Z',
    datacontenttype: 'application/json',
    data: { id },
    ...attributes,
  };
}

/** Makes `count` ids: `1`, `2`, … */
export function ids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}

/** Everything that came from a subscription. */
export interface Inbox {
  readonly deliveries: readonly Delivery[];
  /** The ids of the events, in the order in which they came. */
  readonly ids: readonly string[];
  readonly end: 'completed' | 'failed' | undefined;
  readonly error: unknown;
  /** The delivery at `index`, which must have come. */
  at(index: number): Delivery;
  close(): void;
}

/** Subscribes, and keeps what comes. */
export function open(source: Observable<Delivery>, react: (delivery: Delivery) => void = () => undefined): Inbox {
  const deliveries: Delivery[] = [];
  let end: Inbox['end'];
  let error: unknown;
  const subscription = source.subscribe({
    next: (delivery) => {
      deliveries.push(delivery);
      react(delivery);
    },
    error: (reason) => {
      end = 'failed';
      error = reason;
    },
    complete: () => {
      end = 'completed';
    },
  });

  return {
    deliveries,
    get ids() {
      return deliveries.map(({ event }) => event.id);
    },
    get end() {
      return end;
    },
    get error() {
      return error;
    },
    at(index) {
      const delivery = deliveries[index];
      assert(delivery !== undefined, `delivery ${index + 1} did not come`);
      return delivery;
    },
    close: () => subscription.unsubscribe(),
  };
}

/** Lets time pass until `condition` holds. */
export async function until(
  context: ContractContext,
  what: string,
  condition: () => boolean,
  within: number = PATIENCE,
): Promise<void> {
  for (let waited = 0; !condition(); waited += STEP) {
    assert(waited < within, `waited ${within} ms in vain: ${what}`);
    await context.advance(STEP);
  }
}

/** Waits for so many deliveries, and no more. */
export async function untilDelivered(
  context: ContractContext,
  inbox: Inbox,
  count: number,
  within?: number,
): Promise<void> {
  const arrived = () => inbox.deliveries.length >= count || inbox.end === 'failed';
  await until(context, `${count} deliveries`, arrived, within);
  assert.equal(inbox.error, undefined);
  assert.equal(inbox.deliveries.length, count);
}

/** Subscribes, lets time pass until `source` completes, and returns what it emitted. Rejects with its error. */
export async function outcome<T>(
  context: ContractContext,
  source: Observable<T>,
  within?: number,
): Promise<readonly T[]> {
  const values: T[] = [];
  let end: (() => readonly T[]) | undefined;
  const subscription: Subscription = source.subscribe({
    next: (value) => values.push(value),
    error: (error) => {
      end = () => {
        throw error;
      };
    },
    complete: () => {
      end = () => values;
    },
  });
  try {
    await until(context, 'a result', () => end !== undefined, within);
  } finally {
    subscription.unsubscribe();
  }
  return end?.() ?? values;
}

/** Publishes events of these ids at `${address}.${at}`, and returns their receipts. */
export function publish(
  context: ContractContext,
  eventIds: readonly string[],
  { at = 'events', ...options }: PublishOptions & { readonly at?: string } = {},
): Promise<readonly Receipt[]> {
  const events = eventIds.map((id) => sample(id));
  return outcome(context, context.transport.publish(events, { address: `${context.address}.${at}`, ...options }));
}

/** The transport as both ends of a request. */
export function messenger({ transport: { request, requests } }: ContractContext): Requester & Responder {
  assert(request !== undefined && requests !== undefined, 'the transport claims requestReply, but lacks its methods');
  return { request, requests };
}

/** An error's class, for `assert.rejects`: its name, for there may be two copies of a package. */
export function named(name: string): (error: unknown) => boolean {
  return (error) => {
    assert.equal(error instanceof Error ? error.name : String(error), name);
    return true;
  };
}
