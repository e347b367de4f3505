import { virtualTime } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import { turns } from '../../../src/transports/memory/turns.ts';

const PER_TURN = 1_024;

describe('turns', () => {
  it('runs work soon, and not at once', async () => {
    const time = virtualTime();
    const ran: string[] = [];

    turns(time).soon(() => ran.push('work'));

    expect(ran).toEqual([]);
    await time.advanceBy(0);
    expect(ran).toEqual(['work']);
  });

  it('runs work once, however often it is asked for', async () => {
    const time = virtualTime();
    const queue = turns(time);
    let ran = 0;
    const work = () => {
      ran += 1;
    };

    for (let n = 0; n < 3; n += 1) queue.soon(work);
    expect(time.pending).toBe(1);
    await time.advanceBy(0);

    expect([ran, time.pending]).toEqual([1, 0]);
  });

  it('runs work again that is asked for while it runs', async () => {
    const time = virtualTime();
    const queue = turns(time);
    let ran = 0;
    const work = () => {
      ran += 1;
      if (ran < 3) queue.soon(work);
    };

    queue.soon(work);
    await time.advanceBy(0);

    expect(ran).toBe(3);
  });

  it('runs only what was asked for since it last ran', async () => {
    const time = virtualTime();
    const queue = turns(time);
    const ran: string[] = [];
    queue.soon(() => ran.push('first'));
    await time.advanceBy(0);

    queue.soon(() => ran.push('second'));
    await time.advanceBy(0);

    expect(ran).toEqual(['first', 'second']);
  });

  it('has a budget for each turn, and says when it is spent', () => {
    const queue = turns(virtualTime());

    const spent = Array.from({ length: PER_TURN + 1 }, () => queue.spend(() => undefined));

    expect([spent.filter(Boolean).length, spent.at(-1)]).toEqual([PER_TURN, false]);
  });

  it('goes on in the next turn with work that found the budget spent', async () => {
    const time = virtualTime();
    const queue = turns(time);
    const taken: number[] = [];
    let left = 2 * PER_TURN + 100;
    const work = () => {
      let count = 0;
      for (; left > 0 && queue.spend(work); left -= 1) count += 1;
      taken.push(count);
    };

    work();
    expect(taken).toEqual([PER_TURN]);
    await time.advanceBy(0);

    expect(taken).toEqual([PER_TURN, PER_TURN, 100]);
  });

  it('keeps work that is asked for while the budget is spent until the next turn', async () => {
    const time = virtualTime();
    const queue = turns(time);
    const ran: string[] = [];
    while (queue.spend(() => ran.push('starved')));

    queue.soon(() => ran.push('soon'));
    expect(time.pending).toBe(1);
    await time.advanceBy(0);

    expect(ran).toEqual(['starved', 'soon']);
  });
});
