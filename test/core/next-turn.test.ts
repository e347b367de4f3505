import { virtualTime } from 'millrace/testing';
import { asapScheduler, asyncScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../src/core/next-turn.ts';

describe('nextTurn', () => {
  it("waits on RxJS's default scheduler until every promise has settled", async () => {
    const log: string[] = [];
    const turn = new Promise<void>((resolve) =>
      nextTurn(asyncScheduler, () => {
        log.push('turn');
        resolve();
      }),
    );

    let chain = Promise.resolve();
    for (let link = 0; link < 50; link += 1) chain = chain.then(() => void log.push('promise'));
    asapScheduler.schedule(() => log.push('asap'));
    log.push('now');
    await turn;

    expect(log[0]).toBe('now');
    expect(log.at(-1)).toBe('turn');
    expect(log).toHaveLength(53);
  });

  it('does not wait for a timer there', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) nextTurn(asyncScheduler, turn);
    };

    turn();
    await new Promise((resolve) => asyncScheduler.schedule(resolve, 20));
    isOver = true;

    expect(turns).toBeGreaterThan(25); // a timer fires every millisecond at most
  });

  it('is a zero delay on virtual time', async () => {
    const time = virtualTime({ start: 5 });
    const at: number[] = [];

    nextTurn(time, () => at.push(time.now()));
    const before = at.length;
    await time.advanceBy(0);

    expect([before, at]).toEqual([0, [5]]);
  });

  it("is a zero delay on RxJS's own virtual time", () => {
    const scheduler = new TestScheduler(() => undefined);
    const at: number[] = [];

    nextTurn(scheduler, () => at.push(scheduler.now()));
    scheduler.flush();

    expect(at).toEqual([0]);
  });
});
