import { type FakeDelivery, type FakeDeliveryInit, type FakeDeliveryOptions, fakeDelivery } from 'millrace/testing';
import type { Delivery } from '../../src/core/delivery.ts';
import type { Failed, Retry, Skipped, Succeeded } from '../../src/core/outcome.ts';

export const boom: Error = new Error('boom');

/** The nth delivery of a stream. */
export function nthDelivery(n: number, init: FakeDeliveryInit = {}, options?: FakeDeliveryOptions): FakeDelivery {
  return fakeDelivery({ id: String(n), position: { sequence: n }, ...init }, options);
}

export function succeeded<T, R = never>(delivery: Delivery<T>, value?: R): Succeeded<T, R> {
  return { kind: 'succeeded', delivery, value };
}

export function skipped<T>(delivery: Delivery<T>, reason = 'duplicate'): Skipped<T> {
  return { kind: 'skipped', delivery, reason };
}

export function failed<T>(delivery: Delivery<T>, error: unknown = boom): Failed<T> {
  return { kind: 'failed', delivery, error };
}

export function retried<T>(delivery: Delivery<T>, delay = 200, error: unknown = boom): Retry<T> {
  return { kind: 'retry', delivery, error, delay };
}
