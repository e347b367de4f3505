import fc from 'fast-check';
import { Observable, of, Subject, type Subscriber, type Subscription, share, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hot } from '../../src/core/hot.ts';

/** A source by hand, and how often it was started and ended. */
function byHand() {
  const runs: Subscriber<number>[] = [];
  let ended = 0;
  const source = new Observable<number>((subscriber) => {
    runs.push(subscriber);
    return () => {
      ended += 1;
    };
  });
  return { source, runs, ended: () => ended };
}

describe('hot', () => {
  it('starts its source with the first subscriber, and ends it with the last', () => {
    const { source, runs, ended } = byHand();
    const shared = hot(source);
    const [seen, other]: number[][] = [[], []];
    expect(runs).toHaveLength(0);

    const first = shared.subscribe((value) => seen?.push(value));
    runs[0]?.next(1);
    const second = shared.subscribe((value) => other?.push(value));
    runs[0]?.next(2);
    first.unsubscribe();
    runs[0]?.next(3);
    expect([runs.length, ended()]).toEqual([1, 0]);
    second.unsubscribe();

    expect([seen, other]).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect([runs.length, ended()]).toEqual([1, 1]);
  });

  it('starts anew after its end, also from within it', () => {
    const { source, runs } = byHand();
    const shared = hot(source);
    const seen: unknown[] = [];

    shared.subscribe({ complete: () => shared.subscribe({ error: (error) => seen.push(error) }) });
    runs[0]?.complete();
    expect(runs).toHaveLength(2);
    runs[1]?.error('broken');

    expect(seen).toEqual(['broken']);
  });

  it('starts anew where somebody subscribes while it is being ended', () => {
    let starts = 0;
    const again = () => shared.subscribe();
    const shared: Observable<never> = hot(
      new Observable<never>(() => {
        starts += 1;
        return () => {
          if (starts === 1) again();
        };
      }),
    );

    shared.subscribe().unsubscribe();

    expect(starts).toBe(2);
  });

  it('ends a source at once that emits while it starts', () => {
    const { source, ended } = byHand();
    const eager = new Observable<number>((subscriber) => {
      subscriber.add(source.subscribe());
      subscriber.next(1);
      expect(subscriber.closed).toBe(true);
    });

    hot(eager).pipe(take(1)).subscribe();

    expect(ended()).toBe(1);
  });

  it('passes the end of a source that ends at once', () => {
    const seen: unknown[] = [];

    hot(of(1)).subscribe({ next: (value) => seen.push(value), complete: () => seen.push('complete') });
    hot(throwError(() => 'broken')).subscribe({ error: (error) => seen.push(error) });

    expect(seen).toEqual([1, 'complete', 'broken']);
  });

  it('does what share() does, whoever comes and goes', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), takes: fc.option(fc.integer({ min: 1, max: 3 })) }),
      fc.record({ kind: fc.constant('leave' as const), which: fc.nat(5) }),
      fc.record({ kind: fc.constantFrom('next' as const, 'error' as const, 'complete' as const) }),
    );
    const play = (operate: (source: Observable<number>) => Observable<number>, actions: readonly unknown[]) => {
      let subject = new Subject<number>();
      const log: unknown[] = [];
      const shared = operate(
        new Observable((subscriber) => {
          log.push('start');
          subject = new Subject();
          subscriber.add(subject.subscribe(subscriber));
          subscriber.add(() => log.push('end'));
        }),
      );
      const joined: Subscription[] = [];
      for (const [index, { kind, takes, which }] of (
        actions as { kind: string; takes?: number | null; which?: number }[]
      ).entries()) {
        if (kind === 'join')
          joined.push(
            (typeof takes === 'number' ? shared.pipe(take(takes)) : shared).subscribe({
              next: (value) => log.push([index, value]),
              error: (error) => log.push([index, error]),
              complete: () => log.push([index, 'complete']),
            }),
          );
        else if (kind === 'leave') joined[which ?? 0]?.unsubscribe();
        else if (kind === 'next') subject.next(index);
        else if (kind === 'error') subject.error(`error ${index}`);
        else subject.complete();
      }
      return log;
    };
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
        expect(play(hot, actions)).toEqual(play((source) => source.pipe(share()), actions));
      }),
    );
  });
});
