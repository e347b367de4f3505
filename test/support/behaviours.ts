import fc from 'fast-check';
import {
  concat,
  defer,
  EMPTY,
  ignoreElements,
  NEVER,
  type Observable,
  of,
  type SchedulerLike,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { DecoratedDelivery } from '../../src/core/decorated-delivery.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { fatal } from '../../src/core/failures.ts';
import { boom } from './made.ts';

/** What a handler does with one delivery. */
export type Behaviour =
  | { readonly does: 'return' | 'throw' | 'empty' | 'resolve' | 'reject' | 'hang' | 'hang as a promise' | 'poison' }
  | { readonly does: 'ack' | 'nak' | 'ack and throw' | 'term and emit' }
  | { readonly does: 'complete' | 'fail'; readonly after: number };

const after = fc.integer({ min: 0, max: 40 });

/** Everything that a handler that fails may do. */
export const failure: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.record({ does: fc.constantFrom('throw' as const, 'reject' as const, 'hang' as const) }),
  fc.record({ does: fc.constant('fail' as const), after }),
);

/** Everything that a handler that succeeds may do. */
export const success: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.record({ does: fc.constantFrom('return' as const, 'empty' as const, 'resolve' as const) }),
  fc.record({ does: fc.constant('complete' as const), after }),
);

/** Everything that a handler may do, good or bad. */
export const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  success,
  failure,
  fc.record({ does: fc.constantFrom('hang as a promise' as const, 'poison' as const) }),
  fc.record({
    does: fc.constantFrom('ack' as const, 'nak' as const, 'ack and throw' as const, 'term and emit' as const),
  }),
);

/** Does it. */
export function behave(behaviour: Behaviour, delivery: Delivery, scheduler: SchedulerLike): unknown {
  switch (behaviour.does) {
    case 'return':
      return 5;
    case 'throw':
      throw boom;
    case 'poison':
      throw fatal('poison');
    case 'empty':
      return EMPTY;
    case 'resolve':
      return Promise.resolve(5);
    case 'reject':
      return Promise.reject(boom);
    case 'hang':
      return NEVER;
    case 'hang as a promise':
      return new Promise(() => undefined);
    case 'ack':
      return delivery.ack();
    case 'nak':
      return delivery.nak(1);
    case 'ack and throw':
      delivery.ack();
      throw boom;
    case 'term and emit':
      delivery.term();
      return of(1, 2);
    case 'complete':
      return timer(behaviour.after, scheduler);
    case 'fail':
      return concat(
        timer(behaviour.after, scheduler).pipe(ignoreElements()),
        throwError(() => boom),
      );
  }
}

/** A delivery that counts the settlements that were accepted. */
export class CountedDelivery extends DecoratedDelivery {
  settlements = 0;

  override ack(): boolean {
    return this.#count(this.inner.ack());
  }

  override nak(delay?: number): boolean {
    return this.#count(this.inner.nak(delay));
  }

  override term(reason?: string): boolean {
    return this.#count(this.inner.term(reason));
  }

  override confirm(): Observable<void> {
    return defer(() => {
      const before = this.inner.settled;
      return this.inner.confirm().pipe(tap({ complete: () => this.#count(!before) }));
    });
  }

  #count(accepted: boolean): boolean {
    if (accepted) this.settlements += 1;
    return accepted;
  }
}

/** A delivery whose broker does not hear that it is worked on, so that its lease is lost. */
export class DeafDelivery extends DecoratedDelivery {
  override working(): void {
    // unheard
  }
}
