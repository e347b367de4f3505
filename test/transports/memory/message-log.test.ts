import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MessageLog, messageLog, type StoredMessage } from '../../../src/transports/memory/message-log.ts';
import { heapGrowth, sample } from './support.ts';

function message(sequence: number): StoredMessage {
  const event = sample(String(sequence));
  return { event, address: 'a', headers: {}, messageId: undefined, sequence, time: 0, bytes: 0, wanted: 0 };
}

function logOf(count: number): MessageLog {
  const log = messageLog();
  for (let sequence = 1; sequence <= count; sequence += 1) log.append(message(sequence));
  return log;
}

const sequences = (log: MessageLog, from = 0): number[] => [...log.from(from)].map(({ sequence }) => sequence);

describe('messageLog', () => {
  it('is empty at first, and would start at 1', () => {
    const log = messageLog();

    expect([log.count, log.first, log.last]).toEqual([0, 1, 0]);
    expect(log.at(1)).toBeUndefined();
    expect(sequences(log)).toEqual([]);
  });

  it('keeps messages by sequence', () => {
    const log = logOf(3);

    expect([log.count, log.first, log.last]).toEqual([3, 1, 3]);
    expect(log.at(2)?.sequence).toBe(2);
  });

  it('finds nothing outside of what it holds', () => {
    const log = logOf(3);

    expect([log.at(0), log.at(-1), log.at(4)]).toEqual([undefined, undefined, undefined]);
  });

  it('starts at the first message that is left', () => {
    const log = logOf(4);

    log.remove(2);
    log.remove(1);

    expect([log.count, log.first, log.last]).toEqual([2, 3, 4]);
  });

  it('keeps its last sequence when the last message is removed', () => {
    const log = logOf(2);

    log.remove(2);

    expect([log.count, log.first, log.last]).toEqual([1, 1, 2]);
  });

  it('goes on counting when it has become empty', () => {
    const log = logOf(2);
    log.remove(1);
    log.remove(2);

    expect([log.count, log.first, log.last]).toEqual([0, 3, 2]);
    log.append(message(3));

    expect([log.count, log.first, log.last]).toEqual([1, 3, 3]);
  });

  it('returns what it removed, once', () => {
    const log = logOf(2);

    expect(log.remove(2)?.sequence).toBe(2);
    expect(log.remove(2)).toBeUndefined();
    expect(log.count).toBe(1);
  });

  it('reads from a sequence on, over gaps', () => {
    const log = logOf(5);
    log.remove(3);

    expect(sequences(log, 2)).toEqual([2, 4, 5]);
    expect(sequences(log, 3)).toEqual([4, 5]);
    expect(sequences(log, 6)).toEqual([]);
  });

  it('reads what is appended while it is read', () => {
    const log = logOf(1);
    const read: number[] = [];

    for (const { sequence } of log.from(1)) {
      read.push(sequence);
      if (sequence < 3) log.append(message(sequence + 1));
    }

    expect(read).toEqual([1, 2, 3]);
  });

  it('is read to the end while it is emptied', () => {
    const log = logOf(5_000);
    const read: number[] = [];

    for (const { sequence } of log.from(1)) {
      read.push(sequence);
      log.remove(sequence);
    }

    expect(read).toHaveLength(5_000);
    expect(log.count).toBe(0);
  });

  it('finds every message after it was compacted', () => {
    const log = logOf(5_000);

    for (let sequence = 1; sequence <= 4_000; sequence += 1) log.remove(sequence);

    expect([log.count, log.first, log.last]).toEqual([1_000, 4_001, 5_000]);
    expect([log.at(4_000), log.at(4_001)?.sequence, log.at(5_000)?.sequence]).toEqual([undefined, 4_001, 5_000]);
    expect(log.remove(4_500)?.sequence).toBe(4_500);
  });

  it('takes room for what it has, not for all that it ever had', () => {
    const log = messageLog();

    const grown = heapGrowth(() => {
      for (let sequence = 1; sequence <= 500_000; sequence += 1) {
        log.append(message(sequence));
        if (sequence > 10) log.remove(sequence - 10);
      }
    });

    expect([log.count, log.first, log.last, sequences(log).length]).toEqual([10, 499_991, 500_000, 10]);
    expect([log.at(499_990), log.at(499_991)?.sequence]).toEqual([undefined, 499_991]);
    expect(grown).toBeLessThan(1_000_000);
  });

  it('takes no room for what came after a message that stays, and has gone', () => {
    const log = messageLog();

    const grown = heapGrowth(() => {
      for (let sequence = 1; sequence <= 500_000; sequence += 1) {
        log.append(message(sequence));
        if (sequence > 1) log.remove(sequence);
      }
    });

    expect([log.count, log.first, sequences(log)]).toEqual([1, 1, [1]]);
    expect(grown).toBeLessThan(1_000_000);
  });

  it('is a map from sequences to messages, whatever is appended and removed', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 3_000 }) }) },
      { weight: 2, arbitrary: fc.record({ removeFirst: fc.integer({ min: 1, max: 4_000 }) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.double({ min: 0, max: 1, noNaN: true }) }) },
      { weight: 1, arbitrary: fc.record({ removeOthers: fc.integer({ min: 0, max: 3_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.nat(20_000), (steps, from) => {
        const log = messageLog();
        const model = new Map<number, StoredMessage>();
        let last = 0;
        const removeBoth = (sequence: number): void => {
          expect(log.remove(sequence)).toBe(model.get(sequence));
          model.delete(sequence);
        };

        for (const each of steps) {
          if ('append' in each) {
            for (let n = 0; n < each.append; n += 1) {
              last += 1;
              const added = message(last);
              log.append(added);
              model.set(last, added);
            }
          } else if ('removeFirst' in each) {
            for (const sequence of [...model.keys()].slice(0, each.removeFirst)) removeBoth(sequence);
          } else if ('removeOthers' in each) {
            for (const sequence of [...model.keys()].slice(1, each.removeOthers)) removeBoth(sequence);
          } else {
            removeBoth(Math.round(each.remove * (last + 1)));
          }

          const [first = last + 1] = model.keys();
          expect([log.count, log.first, log.last]).toEqual([model.size, first, last]);
        }

        expect(sequences(log, from)).toEqual([...model.keys()].filter((sequence) => sequence >= from));
        for (const sequence of [0, 1, from, last, last + 1]) expect(log.at(sequence)).toBe(model.get(sequence));
      }),
    );
  });
});
