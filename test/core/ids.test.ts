import fc from 'fast-check';
import { asyncScheduler, type SchedulerLike, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type IdFactory, ksuid, uuidv4, uuidv7, xid } from '../../src/core/ids.ts';

/** A clock that shows what it is set to. */
function clock(time = 0): { scheduler: SchedulerLike; set(time: number): void } {
  let shown = time;
  const scheduler: SchedulerLike = { now: () => shown, schedule: asyncScheduler.schedule.bind(asyncScheduler) };
  return {
    scheduler,
    set(next) {
      shown = next;
    },
  };
}

function hex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function take(id: IdFactory, count: number): string[] {
  return Array.from({ length: count }, id);
}

/** Times in ms between the epochs of all layouts and 2050, a second or more apart. */
const risingTimes = fc
  .uniqueArray(fc.integer({ min: 1_400_000_000, max: 2_524_608_000 }), { minLength: 2, maxLength: 20 })
  .map((seconds) => seconds.sort((a, b) => a - b).map((second) => second * 1000));

const sortable = [
  ['uuidv7', uuidv7],
  ['ksuid', ksuid],
  ['xid', xid],
] as const;

describe.each(sortable)('%s', (_, factory) => {
  it('makes ids that sort by their time', () => {
    fc.assert(
      fc.property(risingTimes, (times) => {
        const { scheduler, set } = clock();
        const ids = times.map((time) => {
          set(time);
          return factory({ scheduler })();
        });

        expect([...ids].sort()).toEqual(ids);
      }),
    );
  });

  it('makes no id twice, in one factory or several', () => {
    const { scheduler } = clock(1_700_000_000_000);
    const ids = [...take(factory({ scheduler }), 2_000), ...take(factory({ scheduler }), 2_000)];

    expect(new Set(ids).size).toBe(ids.length);
  });

  it('takes virtual time, which starts at 0', () => {
    const scheduler = new VirtualTimeScheduler();
    const first = factory({ scheduler })();

    scheduler.frame = 4e12;

    expect(factory({ scheduler })() > first).toBe(true);
  });

  it('reads no clock and no chance before the first id is made', () => {
    const fail = (): never => {
      throw new Error('read too early');
    };
    const scheduler: SchedulerLike = { now: fail, schedule: fail };

    expect(() => factory({ scheduler, random: fail })).not.toThrow();
  });
});

describe.each([sortable[0], sortable[2]])('%s', (_, factory) => {
  it('increases strictly while the clock stands still or goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 2, maxLength: 50 }), (times) => {
        const { scheduler, set } = clock();
        const id = factory({ scheduler });
        const ids = times.map((time) => {
          set(time);
          return id();
        });

        expect(new Set(ids).size).toBe(ids.length);
        expect([...ids].sort()).toEqual(ids);
      }),
    );
  });
});

describe('uuidv4', () => {
  it('makes UUIDs of version 4', () => {
    expect(uuidv4()()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('makes no id twice', () => {
    expect(new Set(take(uuidv4(), 2_000)).size).toBe(2_000);
  });
});

describe('uuidv7', () => {
  // The example of RFC 9562, appendix A.6.
  it('writes time, version, counter and chance', () => {
    const { scheduler } = clock(Date.parse('2022-02-22T14:22:22-05:00'));
    const random = () => hex('000000000000cc363137000c0c07398f');

    expect(uuidv7({ scheduler, random })()).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('moves on to the next millisecond when the counter is full', () => {
    const { scheduler } = clock(5);
    const id = uuidv7({ scheduler, random: () => new Uint8Array(16).fill(0xff) });

    expect(take(id, 2)).toEqual(['00000000-0005-7fff-bfff-ffffffffffff', '00000000-0006-7000-8000-03ffffffffff']);
  });
});

describe('ksuid', () => {
  // The first is the example of the format's own description; the other two are its smallest and largest values.
  it.each([
    [1_507_608_047, 'b5a1cd34b5f99d1154fb6853345c9735', '0ujtsYcgvSTl8PAuAdqWYSMnLOv'],
    [1_400_000_000, '00'.repeat(16), '000000000000000000000000000'],
    [1_400_000_000 + 2 ** 32 - 1, 'ff'.repeat(16), 'aWgEPTl1tmebfsQzFP4bxwgy80V'],
  ])('writes second %i and payload %s', (second, payload, expected) => {
    const { scheduler } = clock(second * 1000 + 999);

    expect(ksuid({ scheduler, random: () => hex(payload) })()).toBe(expected);
  });
});

describe('xid', () => {
  // The example of the format's own tests.
  it('writes time, machine and counter', () => {
    const { scheduler } = clock(1_300_816_219_999);
    const id = xid({ scheduler, machine: hex('60f486e428'), counter: 0x412dc9 });

    expect(id()).toBe('9m4e2mr0ui3e8a215n4g');
  });

  it('moves on to the next second when the counter is full', () => {
    const { scheduler } = clock(0);
    const id = xid({ scheduler, machine: new Uint8Array(5), counter: 0xffffff });

    expect(take(id, 2)).toEqual(['000000000000007vvvvg', '00000080000000000000']);
  });

  it('keeps its machine when the given bytes change', () => {
    const { scheduler } = clock(0);
    const machine = new Uint8Array(5);
    const id = xid({ scheduler, machine, counter: 0 });

    machine.fill(255);

    expect(id()).toBe('00000000000000000000');
  });

  it('keeps what it drew when the source of chance uses its bytes again', () => {
    const { scheduler } = clock(0);
    const bytes = new Uint8Array(5);
    const random = (size: number) => bytes.fill(bytes[0] === 0 ? 255 : 1).subarray(0, size);

    // Four bytes of 0, five of 255, then the first 23 bits of four bytes of 1.
    expect(xid({ scheduler, random })()).toBe('0000007vvvvvvvo0g200');
  });

  it.each([
    [{ machine: new Uint8Array(4) }, 'machine must be 5 bytes, not 4'],
    [{ counter: -1 }, 'counter must be a whole number from 0 to 16777215, not -1'],
    [{ counter: 0x1000000 }, 'counter must be a whole number from 0 to 16777215, not 16777216'],
    [{ counter: 0.5 }, 'counter must be a whole number from 0 to 16777215, not 0.5'],
  ])('refuses %j', (options, message) => {
    expect(() => xid(options)).toThrow(new RangeError(message));
  });
});
