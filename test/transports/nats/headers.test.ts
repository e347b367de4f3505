import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaders, encodeHeaders, statusOf } from '../../../src/transports/nats/headers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (block: Uint8Array) => new TextDecoder().decode(block);

describe('encodeHeaders', () => {
  it('writes the version, a line for each header, and an empty line', () => {
    expect(textOf(encodeHeaders({ Bar: 'Baz', 'Nats-Msg-Id': 'a:b c' }))).toBe(
      'NATS/1.0\r\nBar: Baz\r\nNats-Msg-Id: a:b c\r\n\r\n',
    );
  });

  it('writes UTF-8', () => {
    expect(encodeHeaders({ a: 'é' })).toEqual(Buffer.from('NATS/1.0\r\na: é\r\n\r\n', 'utf8'));
  });

  it('writes no headers', () => {
    expect(textOf(encodeHeaders({}))).toBe('NATS/1.0\r\n\r\n');
  });

  it.each(['a\r\nb: c', 'a\rb', 'a\nb', '\n'])('refuses the value %j and does not repeat it', (value) => {
    expect(() => encodeHeaders({ name: value })).toThrow(new TypeError("The value of header 'name' has a line break"));
  });

  it.each(['', 'a b', 'a:b', 'é', 'a\tb', 'a\r\n', '\u007f'])('refuses the name %j', (name) => {
    expect(() => encodeHeaders({ [name]: 'value' })).toThrow(TypeError);
  });
});

describe('decodeHeaders', () => {
  it.each([
    ['keeps the case of names', 'FOO: a\r\nfoo: b\r\n', { FOO: 'a', foo: 'b' }],
    ['takes away the space around values', 'a:b\r\nc:  d \t\r\n', { a: 'b', c: 'd' }],
    ['keeps colons in values', 'a: b:c\r\n', { a: 'b:c' }],
    ['reads empty values', 'a:\r\nb: \r\n', { a: '', b: '' }],
    ['joins what is repeated', 'a: 1\r\nb: x\r\na: 2\r\n', { a: '1, 2', b: 'x' }],
    ['reads lines without a carriage return', 'a: 1\nb: 2\n', { a: '1', b: '2' }],
    ['passes over lines without a name', 'nothing\r\n: x\r\na: 1\r\n', { a: '1' }],
    ['reads names that objects have', 'constructor: x\r\ntoString: y\r\n', { constructor: 'x', toString: 'y' }],
  ])('%s', (_, lines, headers) => {
    expect(decodeHeaders(bytes(`NATS/1.0\r\n${lines}\r\n`))).toEqual(headers);
  });

  it('reads a name that would change an object', () => {
    const headers = decodeHeaders(bytes('NATS/1.0\r\n__proto__: x\r\n\r\n'));

    expect(Object.entries(headers)).toEqual([['__proto__', 'x']]);
  });

  it('reads the headers beside a status', () => {
    const block = bytes('NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n');

    expect(decodeHeaders(block)).toEqual({ 'Nats-Pending-Messages': '1' });
  });

  it.each(['', 'NATS/1.0\r\n\r\n', 'NATS/1.0 503\r\n\r\n', 'NATS/1.0', 'HTTP/1.1\r\na: b\r\n\r\n'])(
    'finds none in %j',
    (block) => {
      expect(decodeHeaders(bytes(block))).toEqual({});
    },
  );

  it('replaces what is not UTF-8', () => {
    expect(decodeHeaders(Buffer.from('NATS/1.0\r\na: \xff\r\n\r\n', 'latin1'))).toEqual({ a: '\ufffd' });
  });

  it('reads back what encodeHeaders wrote', () => {
    const name = fc.string({
      unit: fc.integer({ min: 33, max: 126 }).map((c) => String.fromCharCode(c)),
      minLength: 1,
    });
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text) && text.trim() === text);
    const headers = fc.dictionary(
      name.filter((text) => !text.includes(':')),
      value,
    );
    fc.assert(
      fc.property(headers, (given) => {
        expect(decodeHeaders(encodeHeaders(given))).toEqual({ ...given });
      }),
    );
  });

  it('reads any bytes', () => {
    const block = fc.uint8Array().map((rest) => Uint8Array.from([...bytes('NATS/1.0\r\na: '), ...rest]));
    fc.assert(fc.property(block, (given) => typeof decodeHeaders(given) === 'object'));
  });
});

describe('statusOf', () => {
  it.each([
    ['NATS/1.0 503\r\n\r\n', { code: 503, description: '' }],
    ['NATS/1.0 409 Consumer Deleted\r\n\r\n', { code: 409, description: 'Consumer Deleted' }],
    ['NATS/1.0 408 Request Timeout\r\nNats-Pending-Bytes: 1\r\n\r\n', { code: 408, description: 'Request Timeout' }],
    ['NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 2\r\n\r\n', { code: 100, description: 'Idle Heartbeat' }],
    ['NATS/1.0   404   No Messages  \r\n\r\n', { code: 404, description: 'No Messages' }],
  ])('reads %j', (block, status) => {
    expect(statusOf(bytes(block))).toEqual(status);
  });

  it.each(['NATS/1.0\r\na: 503\r\n\r\n', 'NATS/1.0 \r\n\r\n', 'NATS/1.0 abc\r\n\r\n', 'NATS/1.0 5031\r\n\r\n', ''])(
    'finds none in %j',
    (block) => {
      expect(statusOf(bytes(block))).toBeUndefined();
    },
  );
});
