import { createEvent, type IncomingRequest, type RemoteError } from 'millrace';
import { cloudEventsCodec, natsTransport } from 'millrace/nats';
import { take } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { wireOf } from '../../../src/transports/nats/wire.ts';
import { clients, type RawConnection } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, anAddress, bytesOf, coreRig, deserted, failureOf, idsOf, sample, see, textOf } from './core-rig.ts';

interface RawRequest {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply: string;
}

type Answer = (data: Uint8Array, headers?: Readonly<Record<string, string>>) => void;

/** Answers requests with a raw client: what it sends is bytes, and headers that the test makes. */
async function rawResponder(
  connection: RawConnection,
  address: string,
  respond: (answer: Answer, request: RawRequest) => void,
): Promise<void> {
  const headersOf = (values: Readonly<Record<string, string>>) => ({
    encode: () =>
      bytesOf(
        `NATS/1.0\r\n${Object.entries(values)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n`,
      ),
  });
  const callback = (_: unknown, request: RawRequest) => {
    respond((data, headers) => {
      connection.publish(request.reply, data, headers === undefined ? {} : ({ headers: headersOf(headers) } as object));
    }, request);
  };
  connection.subscribe(address, { callback } as object);
  await connection.flush();
}

const nothing = new Uint8Array(0);

describeOnLatestServer('natsTransport', () => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    const config = `
      max_payload: 64KB
      authorization { users: [
        { user: all, password: all },
        { user: some, password: some, permissions: { publish: { deny: ["secret.>"] }, subscribe: { deny: ["secret.>", "_INBOX.*.gone.*"] } } }
      ] }
      no_auth_user: all`;
    server = await startNatsServer({ config });
  });
  afterAll(() => server.stop());

  describe.each(clients)('request, on $name', (client) => {
    it('takes what a raw responder says without any header', async () => {
      const { transport, connection } = await coreRig(server.url, { client });
      const address = anAddress();
      const asked: string[] = [];
      await rawResponder(connection, address, (answer, { data }) => {
        asked.push(JSON.parse(textOf(data)).id);
        answer(bytesOf(JSON.stringify(sample('reply'))));
      });

      const replies = await all(transport.request(sample('1'), { address }));

      expect(asked).toEqual(['1']);
      expect(idsOf(replies)).toEqual(['reply']);
    });

    it('takes replies of a raw responder until an empty one', async () => {
      const { transport, connection } = await coreRig(server.url, { client });
      const address = anAddress();
      await rawResponder(connection, address, (answer) => {
        for (const id of ['1', '2', '3']) answer(bytesOf(JSON.stringify(sample(id))));
        answer(nothing);
        answer(bytesOf(JSON.stringify(sample('4'))));
      });

      const replies = await all(transport.request(sample(), { address, many: true }));

      expect(idsOf(replies)).toEqual(['1', '2', '3']);
    });

    it.each([
      {
        headers: { 'Nats-Service-Error-Code': '404', 'Nats-Service-Error': 'not found' },
        code: '404',
        message: 'not found',
      },
      { headers: { 'Nats-Service-Error': 'no code' }, code: '', message: 'no code' },
    ])('fails with the error of a service: $message', async ({ headers, code, message }) => {
      const { transport, connection } = await coreRig(server.url, { client });
      const address = anAddress();
      await rawResponder(connection, address, (answer) => answer(nothing, headers));

      const error = await failureOf(transport.request(sample(), { address }));

      expect(error).toMatchObject({ name: 'RemoteError', remoteCode: code, message });
    });

    it('fails with what it cannot read', async () => {
      const { transport, connection } = await coreRig(server.url, { client });
      const address = anAddress();
      await rawResponder(connection, address, (answer) => answer(bytesOf('no event')));

      const error = await failureOf(transport.request(sample(), { address }));

      expect(error).toMatchObject({ name: 'DecodeError' });
    });

    it('fails at once where nobody responds', async () => {
      const { transport } = await coreRig(server.url, { client });
      const address = anAddress();

      await expect(failureOf(transport.request(sample(), { address, timeout: 600_000 }))).resolves.toMatchObject({
        name: 'NoRespondersError',
        address,
      });
    });

    it('fails at once where the server does not let it ask', async () => {
      const { transport } = await coreRig(server.url, { client, connection: { user: 'some', pass: 'some' } });

      const error = await failureOf(transport.request(sample(), { address: 'secret.plans', timeout: 600_000 }));

      expect(error).toMatchObject({
        name: 'PublishError',
        outcome: 'refused',
        cause: { name: 'PermissionDeniedError' },
      });
    });
  });

  describe('request', () => {
    it.each([0, -1, Number.NaN, 600_001])('refuses to wait %d ms', async (timeout) => {
      const { transport } = await coreRig(server.url);

      expect(() => transport.request(sample(), { timeout })).toThrow(RangeError);
    });

    it('refuses a request that is larger than the server takes, and leaves nothing in the inbox', async () => {
      const { transport, connection } = await coreRig(server.url);

      const error = await failureOf(transport.request(sample('1', 'x'.repeat(70_000)), { address: 'x' }));

      expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
      expect(wireOf(connection).inbox.size).toBe(0);
    });

    it('fails when the connection is closed while it waits', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      await rawResponder(connection, address, () => undefined);
      const question = see(transport.request(sample(), { address }));

      await connection.close();

      await question.ended();
      expect(question.error).toMatchObject({ name: 'ConnectionLostError', code: 'CONNECTION_LOST' });
    });

    it('fails when the transport is drained while it waits', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      await rawResponder(connection, address, () => undefined);
      const question = see(transport.request(sample(), { address }));

      await all(transport.drain());

      await question.ended();
      expect(question.error).toMatchObject({ name: 'TransportClosedError' });
      expect(wireOf(connection).inbox.size).toBe(0);
    });

    it('has one subscription for all requests, and no entry left when they are over', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      await rawResponder(connection, address, (answer, { data }) => answer(data));
      const subscribe = vi.spyOn(connection, 'subscribe');

      await Promise.all(Array.from({ length: 100 }, () => all(transport.request(sample(), { address }))));

      expect(subscribe).toHaveBeenCalledTimes(1);
      expect(wireOf(connection).inbox.size).toBe(0);
    });

    it('takes an event without data in binary mode for an event, and not for the end', async () => {
      const { transport } = await coreRig(server.url, { codec: cloudEventsCodec({ mode: 'binary' }) });
      const address = anAddress();
      const bare = createEvent({ id: 'bare', source: '/rig', type: 'rig.bare' });
      see(transport.requests({ address }), (request) => {
        request.reply(bare);
        request.end();
      });

      const replies = await all(transport.request(sample(), { address, many: true }));

      expect(idsOf(replies)).toEqual(['bare']);
    });

    it('gives each transport on a connection its own replies', async () => {
      const { transport, connection } = await coreRig(server.url);
      const other = natsTransport(connection, { name: 'other' });
      const address = anAddress();
      see(transport.requests({ address }), (request) => request.reply(sample(`re-${request.event.id}`)));

      const [one, two] = await Promise.all([
        all(transport.request(sample('1'), { address })),
        all(other.request(sample('2'), { address })),
      ]);

      expect([idsOf(one), idsOf(two)]).toEqual([['re-1'], ['re-2']]);
    });
  });

  describe.each(clients)('requests, on $name', (client) => {
    it('answers a raw client that asks in JSON without any header', async () => {
      const { transport, connection, flushed } = await coreRig(server.url, { client });
      const address = anAddress();
      see(transport.requests({ address }), (request) => request.reply(sample(`re-${request.event.id}`)));
      await flushed();

      const reply = await connection.request(address, bytesOf(JSON.stringify(sample('1'))));

      expect(JSON.parse(textOf(reply.data))).toMatchObject({ id: 're-1', specversion: '1.0' });
    });

    it('answers a raw client with the headers of an error', async () => {
      const { transport, connection, flushed } = await coreRig(server.url, { client });
      const address = anAddress();
      see(transport.requests({ address }), (request) => request.fail('OUT_OF_STOCK', 'there are\r\nnone left'));
      await flushed();

      const reply = await connection.request(address, bytesOf(JSON.stringify(sample('1'))));

      expect(reply.data).toHaveLength(0);
      expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('OUT_OF_STOCK');
      expect(reply.headers?.get('Nats-Service-Error')).toBe('there are none left');
    });

    it('answers what is no event with an error, and tells it', async () => {
      const { transport, connection, flushed, ofKind } = await coreRig(server.url, { client });
      const address = anAddress();
      const seen = see(transport.requests({ address }));
      await flushed();

      const reply = await connection.request(address, bytesOf('no event'));

      expect(reply.headers?.get('Nats-Service-Error-Code')).toBe('DECODE_FAILED');
      expect(seen.values).toHaveLength(0);
      expect(ofKind('error')).toMatchObject([{ error: { name: 'DecodeError' } }]);
    });
  });

  describe('requests', () => {
    it('says that a request without a reply address is dropped', async () => {
      const { transport, ofKind } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.requests({ address }));

      await all(transport.publish(sample(), { address }));

      await until(() => ofKind('dropped').length === 1);
      expect(ofKind('dropped')[0]).toMatchObject({ address, total: 1, reason: 'a request without a reply address' });
      expect(seen.values).toHaveLength(0);
    });

    it('refuses to reply with what is no event, and can still answer', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      let error: unknown;
      see(transport.requests({ address }), (request) => {
        try {
          request.reply({ ...sample(), id: '' });
        } catch (reason) {
          error = reason;
          request.fail('INTERNAL', 'no reply');
        }
      });

      const failure = await failureOf(transport.request(sample(), { address }));

      expect(error).toMatchObject({ name: 'InvalidEventError' });
      expect((failure as RemoteError).remoteCode).toBe('INTERNAL');
    });

    it('answers once, where one answer is asked for', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      const answers: boolean[] = [];
      const seen = see(transport.requests({ address }), (request) => {
        answers.push(request.signal.aborted, request.reply(sample('1')), request.reply(sample('2')), request.end());
      });

      await all(transport.request(sample(), { address }));

      expect(answers).toEqual([false, true, false, false]);
      expect(seen.values[0]?.signal.aborted).toBe(true);
    });

    it('goes on answering a raw client, which does not say how many it takes', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      const answers: boolean[] = [];
      see(transport.requests({ address }), (request) => {
        answers.push(request.reply(sample('1')), request.reply(sample('2')), request.end(), request.reply(sample('3')));
      });
      const sizes: number[] = [];
      connection.subscribe('raw.inbox', {
        callback: (_: unknown, { data }: RawRequest) => sizes.push(data.length),
      } as object);

      connection.publish(address, bytesOf(JSON.stringify(sample())), { reply: 'raw.inbox' });

      await until(() => sizes.length === 3);
      expect(answers).toEqual([true, true, true, false]);
      expect(sizes.map((size) => size > 0)).toEqual([true, true, false]);
    });

    it.each(['one', 'two'])('hears that its asker has gone, on %s connection(s)', async (connections) => {
      const { transport } = await coreRig(server.url);
      const asking = connections === 'one' ? transport : (await coreRig(server.url)).transport;
      const address = anAddress();
      const seen = see(transport.requests({ address }), (request) => {
        if (request.event.id === 'first') request.reply(sample());
      });
      await until(async () => (await all(asking.request(sample('first'), { address }))).length === 1);
      const question = see(asking.request(sample('leaves'), { address, timeout: 600_000, many: true }));
      await until(() => seen.values.some(({ event }) => event.id === 'leaves'));
      const request = seen.values.at(-1) as IncomingRequest;
      const { signal } = request;

      question.close();

      await until(() => signal.aborted);
      expect(request.reply(sample())).toBe(false);
    });

    it('hears it after some of the replies', async () => {
      const { transport } = await coreRig(server.url);
      const { transport: asking } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.requests({ address }), (request) => request.reply(sample()));
      await until(() => all(asking.request(sample(), { address, many: true, timeout: 600_000 }).pipe(take(1))));

      await until(() => seen.values[0]?.signal.aborted);
    });

    it('takes an asker for gone when its time is over, and starts the time again with each reply', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.requests({ address }));
      const question = see(transport.request(sample(), { address, timeout: 400, many: true }));
      const [request] = await seen.came(1);
      const started = performance.now();
      for (let sent = 0; sent < 3; sent += 1) {
        await until(() => performance.now() - started > (sent + 1) * 200, { interval: 10 });
        expect(request?.reply(sample(String(sent)))).toBe(true);
      }

      await until(() => request?.signal.aborted);

      expect(performance.now() - started).toBeGreaterThan(900);
      await question.ended();
      expect(question.error).toMatchObject({ name: 'RequestTimeoutError' });
      expect(question.values).toHaveLength(3);
    });

    it('learns from its clock where it may not hear askers go, and says once that it may not', async () => {
      const { transport, flushed, ofKind } = await coreRig(server.url, { connection: { user: 'some', pass: 'some' } });
      const address = anAddress();
      const seen = see(transport.requests({ address }));
      await flushed();
      for (const timeout of [300, 301]) {
        const { transport: asking } = await coreRig(server.url);
        const question = see(asking.request(sample(), { address, timeout, many: true }));
        const request = (await seen.came(timeout - 299)).at(-1);
        question.close();

        await until(() => request?.signal.aborted);
        await flushed();
      }

      expect(ofKind('error')).toMatchObject([{ error: { name: 'PermissionDeniedError', operation: 'subscribe' } }]);
    });

    it('leaves nothing behind when it is unsubscribed: neither its address nor that of an asker', async () => {
      const { transport, connection } = await coreRig(server.url);
      const { transport: asking, connection: askingConnection } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.requests({ address }), (request) => request.reply(sample()));
      await until(() => all(asking.request(sample(), { address })));

      seen.close();

      await deserted(connection, address);
      await deserted(connection, `${wireOf(askingConnection).inbox.prefix}gone.x`);
    });

    it('has a drain wait for the answers, and then answers with an error itself', async () => {
      const { transport } = await coreRig(server.url);
      const { transport: asking } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.requests({ address }));
      await until(() => all(transport.publish(sample(), { address, flush: true })));
      const questions = [1, 2].map(() => see(asking.request(sample(), { address, timeout: 600_000 })));
      await seen.came(2);
      const drained = see(transport.drain({ grace: 300 }));
      expect(seen.end).toBe('completed');

      seen.values[0]?.reply(sample('in time'));

      await questions[0]?.ended();
      expect(questions[0]?.end).toBe('completed');
      expect(drained.end).toBeUndefined();
      await questions[1]?.ended();
      expect(questions[1]?.error).toMatchObject({ name: 'RemoteError', remoteCode: 'DRAINED' });
      expect(seen.values[1]?.signal.aborted).toBe(true);
      await drained.ended();
    });
  });
});
