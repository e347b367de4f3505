// One order, from the shelf to its end: nothing here knows of brokers, so a test draws it with marbles.
import {
  concat,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  race,
  type SchedulerLike,
  switchMap,
  timer,
} from 'rxjs';
import type { Order, OrderEnd } from './events.ts';

/** What an order needs. Each may be run again for the same order, and has then no other effect than it had before. */
export interface Steps {
  /** How the order ended, if it has. */
  ended(order: Order): Observable<OrderEnd | undefined>;
  /** Records how it ends. The first record stands, and is emitted. */
  end(order: Order, end: OrderEnd): Observable<OrderEnd>;
  /** Takes the goods from the shelf; false where there are not enough. */
  reserve(order: Order): Observable<boolean>;
  release(order: Order): Observable<unknown>;
  pay(order: Order): Observable<'taken' | 'refused'>;
  /** Gives back what was taken, and has nothing taken later. */
  cancelPayment(order: Order): Observable<unknown>;
}

export interface SagaOptions {
  /** How long, in ms, the payment may take. */
  readonly patience: number;
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Runs an order, and emits how it ended. What was done is undone where it is not confirmed.
 *
 * A process that dies in the middle has not acked the order, so it is run again, here or by another: from its end, if
 * that was recorded, and from the beginning otherwise.
 */
export function checkout(order: Order, steps: Steps, { patience, scheduler }: SagaOptions): Observable<OrderEnd> {
  const late$ = timer(patience, scheduler).pipe(map(() => 'late' as const));
  const attempt$ = steps.reserve(order).pipe(
    switchMap((reserved) => (reserved ? race(steps.pay(order), late$) : of('sold out' as const))),
    map((result) => endOf(order, result)),
    switchMap((end) => steps.end(order, end)),
  );
  const undo$ = merge(steps.release(order), steps.cancelPayment(order)).pipe(ignoreElements());

  return steps.ended(order).pipe(
    switchMap((end) => (end === undefined ? attempt$ : of(end))),
    switchMap((end) => (end.status === 'confirmed' ? of(end) : concat(undo$, of(end)))),
  );
}

const REASONS = {
  'sold out': 'there are not enough of them',
  refused: 'the payment was refused',
  late: 'the payment took too long',
};

function endOf({ orderId }: Order, result: 'taken' | keyof typeof REASONS): OrderEnd {
  if (result === 'taken') return { orderId, status: 'confirmed' };
  return { orderId, status: 'rejected', reason: REASONS[result] };
}
