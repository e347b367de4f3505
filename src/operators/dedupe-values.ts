import { filter, type MonoTypeOperatorFunction, Observable, type SchedulerLike } from 'rxjs';
import type { ClaimResult } from '../core/dedupe-store.ts';
import { memoryDedupeStore } from '../core/memory-dedupe-store.ts';

/** Options for `dedupe` on any stream. */
export interface DedupeByOptions<T> {
  /** What makes two values the same. */
  readonly key: (value: T) => string;
  /** How long a value is remembered, in ms. @defaultValue `3_600_000` */
  readonly window?: number;
  /** How many values are remembered at most; about half of them are forgotten at once. @defaultValue `100_000` */
  readonly max?: number;
  /** Clock. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** Drops the values whose key came before, within the window. */
export function dedupeValues<T>({ key, window, max, scheduler }: DedupeByOptions<T>): MonoTypeOperatorFunction<T> {
  if (window !== undefined && !(window > 0)) throw new RangeError(`'window' must be above 0 ms, not ${window}`);
  const storeOptions = {
    ...(window === undefined ? {} : { ttl: window }),
    ...(max === undefined ? {} : { max }),
    ...(scheduler === undefined ? {} : { scheduler }),
  };
  memoryDedupeStore(storeOptions); // bad options are an error here, and not when somebody subscribes
  return (source) =>
    new Observable((subscriber) => {
      const store = memoryDedupeStore(storeOptions);
      const isNew = (value: T): boolean => {
        const claim = store.claim(key(value)) as ClaimResult;
        if (typeof claim === 'string') return false;
        void claim.commit();
        return true;
      };
      return source.pipe(filter(isNew)).subscribe(subscriber);
    });
}
