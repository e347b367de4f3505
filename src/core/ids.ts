import { randomFillSync, randomUUID } from 'node:crypto';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { v7 } from 'uuid';

/** Makes an id that no other call makes, on this machine or another. */
export type IdFactory = () => string;

/** Options for {@link uuidv7} and {@link ksuid}. */
export interface SortableIdOptions {
  /** Clock for the ids. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
  /** Source of random bytes: returns `size` new ones, which are read before the next call. @defaultValue `node:crypto` */
  readonly random?: (size: number) => Uint8Array;
}

/** Options for {@link xid}. */
export interface XidOptions extends SortableIdOptions {
  /** The five bytes that tell this factory from every other. @defaultValue random, drawn when the first id is made */
  readonly machine?: Uint8Array;
  /** Where the counter starts, from `0` to `16_777_215`. @defaultValue random, in the lower half */
  readonly counter?: number;
}

/** Makes random UUIDs (version 4), such as `0f9c3b1e-54f4-4d1c-8f0a-9d3b6b6e6b51`. They do not sort by time. */
export function uuidv4(): IdFactory {
  return () => randomUUID();
}

/**
 * Makes UUIDs of version 7, which sort by their time in ms.
 *
 * Those of one factory increase strictly, also while the clock stands still or goes back.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function uuidv7(options: SortableIdOptions = {}): IdFactory {
  const { scheduler = asyncScheduler, random = pooledRandom() } = options;
  let last = -1;
  let sequence = 0;

  return () => {
    const now = whole(scheduler.now());
    const bytes = random(16);
    if (now > last) {
      last = now;
      sequence = readUint32(bytes, 6);
    } else {
      sequence = (sequence + 1) >>> 0;
      if (sequence === 0) last += 1;
    }
    return v7({ msecs: last, seq: sequence, random: bytes });
  };
}

/**
 * Makes KSUIDs: 27 letters and digits that sort by their time in seconds, and by chance within a second.
 *
 * Layout: four bytes of seconds since 2014-05-13T16:53:20Z, sixteen random bytes, written in base 62.
 *
 * @see https://github.com/segmentio/ksuid
 */
export function ksuid(options: SortableIdOptions = {}): IdFactory {
  const { scheduler = asyncScheduler, random = pooledRandom() } = options;

  return () => {
    const words = new Uint32Array(5);
    const bytes = random(16);
    words[0] = Math.max(0, seconds(scheduler) - KSUID_EPOCH);
    for (let i = 0; i < 4; i++) words[i + 1] = readUint32(bytes, i * 4);
    return base62(words);
  };
}

/**
 * Makes xids: 20 lower-case letters and digits that sort by their time in seconds, and within a second by a counter.
 *
 * Layout: four bytes of seconds since 1970, five of machine and process, three of a counter, in base32hex. The five
 * bytes are random for each factory rather than read from the host, since containers share host names and process ids.
 * The ids of one factory increase strictly, also while the clock stands still or goes back.
 *
 * @throws RangeError when `machine` is not five bytes, or `counter` not a whole number of three bytes.
 * @see https://github.com/rs/xid
 */
export function xid(options: XidOptions = {}): IdFactory {
  const { scheduler = asyncScheduler, random = pooledRandom() } = options;
  checkXid(options);
  let { counter } = options;
  let machine = options.machine?.slice();
  let last = -1;

  return () => {
    machine ??= random(5).slice();
    counter ??= readUint32(random(4), 0) >>> 9;
    const now = seconds(scheduler);
    if (now > last) last = now;

    const id = base32hex(last, machine, counter);
    counter = (counter + 1) & 0xffffff;
    if (counter === 0) last += 1;
    return id;
  };
}

/** The second at which KSUIDs begin. */
const KSUID_EPOCH = 1_400_000_000;

const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE_32_HEX = '0123456789abcdefghijklmnopqrstuv';

function checkXid({ machine, counter }: XidOptions): void {
  if (machine !== undefined && machine.length !== 5) {
    throw new RangeError(`machine must be 5 bytes, not ${machine.length}`);
  }
  if (counter !== undefined && !(Number.isInteger(counter) && counter >= 0 && counter <= 0xffffff)) {
    throw new RangeError(`counter must be a whole number from 0 to 16777215, not ${counter}`);
  }
}

/** Draws from the system's generator a few thousand bytes at a time, which is much quicker than sixteen. */
function pooledRandom(): (size: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (size) => {
    if (used + size > pool.length) {
      pool = randomFillSync(pool.length === 0 ? new Uint8Array(2048) : pool);
      used = 0;
    }
    used += size;
    return pool.subarray(used - size, used);
  };
}

function seconds(scheduler: SchedulerLike): number {
  return whole(scheduler.now() / 1000);
}

/** Virtual clocks may show fractions, and times before the epoch, which no layout has room for. */
function whole(time: number): number {
  return Math.max(0, Math.floor(time));
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = (byte(bytes, at) << 24) | (byte(bytes, at + 1) << 16);
  return (high | (byte(bytes, at + 2) << 8) | byte(bytes, at + 3)) >>> 0;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** Writes a number of five words as 27 digits, three digits for each long division. Uses up the words. */
function base62(words: Uint32Array): string {
  let text = '';
  while (text.length < 27) {
    let rest = 0;
    for (let i = 0; i < words.length; i++) {
      const value = rest * 0x100000000 + (words[i] as number);
      words[i] = value / 238_328;
      rest = value % 238_328;
    }
    text = digit62(rest / 3844) + digit62((rest / 62) % 62) + digit62(rest % 62) + text;
  }
  return text;
}

function digit62(value: number): string {
  return BASE_62.charAt(value);
}

/** Writes an xid's twelve bytes five bits at a time. */
function base32hex(time: number, machine: Uint8Array, counter: number): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (let i = 0; i < 12; i++) {
    held = ((held << 8) | xidByte(time, machine, counter, i)) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE_32_HEX.charAt((held >>> (bits - 5)) & 31);
  }
  return text + BASE_32_HEX.charAt((held << (5 - bits)) & 31);
}

function xidByte(time: number, machine: Uint8Array, counter: number, at: number): number {
  if (at < 4) return (time >>> (24 - 8 * at)) & 0xff;
  if (at < 9) return byte(machine, at - 4);
  return (counter >>> (8 * (11 - at))) & 0xff;
}
