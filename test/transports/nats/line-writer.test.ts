import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NatsConnectionLike } from '../../../src/transports/nats/client.ts';
import { lineWriter } from '../../../src/transports/nats/line-writer.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (parts: readonly Uint8Array[]) => parts.map((part) => new TextDecoder().decode(part)).join('');
const turn = () => Promise.resolve();

function fakeClient(changes: Record<string, unknown> = {}) {
  const commands: Uint8Array[][] = [];
  const alone: unknown[][] = [];
  const protocol = {
    outMsgs: 0,
    outBytes: 0,
    noMorePublishing: false,
    sendCommand: (...parts: Uint8Array[]) => commands.push(parts),
  };
  const client = {
    info: { version: '2.10.0', max_payload: 1_000, headers: true },
    isClosed: () => false,
    publish: (...args: unknown[]) => alone.push(args),
    protocol,
    ...changes,
  };
  return { client: client as unknown as NatsConnectionLike, protocol, commands, alone };
}

describe('lineWriter', () => {
  it('hands over all messages of a turn as one', async () => {
    const { client, protocol, commands } = fakeClient();
    const writer = lineWriter(client);

    writer.publish('a', '', undefined, undefined);
    writer.publish('b', 'é', undefined, 'r');
    writer.publish('c', '{}', 'NATS/1.0\r\nk: ü\r\n\r\n', 'r');
    expect(commands).toEqual([]);
    await turn();

    expect(commands.map(text)).toEqual([
      'PUB a 0\r\n\r\nPUB b r 2\r\né\r\nHPUB c r 19 21\r\nNATS/1.0\r\nk: ü\r\n\r\n{}\r\n',
    ]);
    expect(protocol).toMatchObject({ outMsgs: 3, outBytes: 23 });
    await turn();
    expect(commands).toHaveLength(1);
  });

  it('keeps bytes as they are, between texts', async () => {
    const { client, commands } = fakeClient();
    const writer = lineWriter(client);
    const data = Uint8Array.of(0xff, 0x0d, 0x0a);

    writer.publish('a', data, bytes('NATS/1.0\r\n\r\n'), undefined);
    writer.publish('b', '1', undefined, undefined);
    await turn();

    const [parts = []] = commands;
    expect(parts).toContain(data);
    expect(Buffer.concat(parts)).toEqual(
      Buffer.concat([bytes('HPUB a 12 15\r\nNATS/1.0\r\n\r\n'), data, bytes('\r\nPUB b 1\r\n1\r\n')]),
    );
  });

  it('hands over what is large within a turn, and the rest after it', async () => {
    const { client, commands } = fakeClient({ info: { version: '2.10.0', max_payload: 1_000_000, headers: true } });
    const writer = lineWriter(client);

    writer.publish('a', 'x'.repeat(40_000), undefined, undefined);
    writer.publish('a', 'x'.repeat(40_000), undefined, undefined);
    writer.publish('b', '', undefined, undefined);

    expect(commands).toHaveLength(1);
    await turn();
    expect(commands).toHaveLength(2);
    expect(text(commands[1] ?? [])).toBe('PUB b 0\r\n\r\n');
  });

  it('hands over at once what is flushed', () => {
    const { client, commands } = fakeClient();
    const writer = lineWriter(client);

    writer.publish('a', '', undefined, undefined);
    writer.flush();
    writer.flush();

    expect(commands.map(text)).toEqual(['PUB a 0\r\n\r\n']);
  });

  it.each([
    ['takes no lines', { protocol: undefined }],
    ['is not connected yet', { info: undefined }],
    ['is being drained', { protocol: { outMsgs: 0, noMorePublishing: true, sendCommand: () => undefined } }],
    ['is closed', { isClosed: () => true }],
    ['knows that it is too large', { info: { version: '2.10.0', max_payload: 13, headers: true } }],
    ['knows that the server has no headers', { info: { version: '2.1.0', max_payload: 1_000, headers: false } }],
  ])('gives a message to a client that %s', (_, changes) => {
    const { client, alone } = fakeClient(changes);

    lineWriter(client).publish('a', 'é', 'NATS/1.0\r\n\r\n', 'r');

    expect(alone).toEqual([['a', Buffer.from('é'), { reply: 'r', headers: expect.anything() }]]);
    const [[, , { headers }]] = alone as [[string, Uint8Array, { headers: { encode(): Uint8Array } }]];
    expect(headers.encode()).toEqual(Buffer.from('NATS/1.0\r\n\r\n'));
  });

  it('writes nothing for a client that was closed within the turn', async () => {
    let closed = false;
    const { client, commands } = fakeClient({ isClosed: () => closed });

    lineWriter(client).publish('a', '', undefined, undefined);
    closed = true;
    await turn();

    expect(commands).toEqual([]);
  });

  it('writes the same whether a message is text or bytes', async () => {
    const part = fc.oneof(fc.string({ unit: 'binary' }), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(part, fc.option(part, { nil: undefined }))), async (messages) => {
        const [asText, asBytes] = [fakeClient(), fakeClient()];
        const [texts, raw] = [lineWriter(asText.client), lineWriter(asBytes.client)];
        for (const [data, headers] of messages) {
          texts.publish('a', data, headers, undefined);
          raw.publish('a', bytes(data), headers === undefined ? undefined : bytes(headers), undefined);
        }
        await turn();

        expect(Buffer.concat(asText.commands.flat())).toEqual(Buffer.concat(asBytes.commands.flat()));
      }),
    );
  });
});
