import { virtualTime } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import { alarm } from '../../src/core/alarm.ts';
import { LONGEST_DELAY } from '../../src/core/longest-delay.ts';

function rig() {
  const time = virtualTime({ start: 1_000 });
  const rings: number[] = [];
  return { time, rings, bell: alarm(time, () => rings.push(time.now())) };
}

describe('alarm', () => {
  it('goes off once, at the earliest time that it was set to', async () => {
    const { time, rings, bell } = rig();

    bell.set(1_050);
    bell.set(1_020);
    bell.set(1_030);
    const { pending } = time;
    await time.advanceBy(100);

    expect(pending).toBe(1);
    expect(rings).toEqual([1_020]);
    expect(bell.at).toBe(Number.POSITIVE_INFINITY);
  });

  it('goes off at once for what is past', async () => {
    const { time, rings, bell } = rig();

    bell.set(5);
    await time.advanceBy(0);

    expect(rings).toEqual([1_000]);
  });

  it('can be set again when it has gone off, and when it was put off', async () => {
    const { time, rings, bell } = rig();

    bell.set(1_010);
    bell.clear();
    bell.set(1_040);
    await time.advanceBy(40);
    bell.set(1_060);
    await time.advanceBy(40);

    expect(rings).toEqual([1_040, 1_060]);
  });

  it('sets no timer for a time that never comes, nor keeps one that was put off', () => {
    const { time, bell } = rig();

    bell.set(Number.POSITIVE_INFINITY);
    bell.set(1_010);
    bell.clear();

    expect(time.pending).toBe(0);
  });

  it('goes off after the longest delay for what is later than that', async () => {
    const { time, rings, bell } = rig();

    bell.set(1_000 + 3 * LONGEST_DELAY);
    await time.advanceBy(LONGEST_DELAY);

    expect(rings).toEqual([1_000 + LONGEST_DELAY]);
  });
});
