import { type DecodeError, handle, type PublishError } from 'millrace';
import { cloudEventsCodec, natsTransport } from 'millrace/nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clients, connectNats2 } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import {
  all,
  anAddress,
  bytesOf,
  coreRig,
  deserted,
  failureOf,
  idsOf,
  sample,
  samples,
  see,
  textOf,
} from './core-rig.ts';

describeOnLatestServer('natsTransport', () => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    const config = `
      max_payload: 64KB
      authorization { users: [
        { user: all, password: all },
        { user: some, password: some, permissions: { publish: { deny: ["secret.>"] }, subscribe: { deny: ["secret.>"] } } }
      ] }
      no_auth_user: all`;
    server = await startNatsServer({ config });
  });
  afterAll(() => server.stop());

  describe.each(clients)('publish, on $name', (client) => {
    it('sends an event as structured JSON, with the headers that go with it', async () => {
      const { transport, connection, flushed } = await coreRig(server.url, { client });
      const address = anAddress();
      const messages: { subject: string; data: Uint8Array; headers: Record<string, string> }[] = [];
      connection.subscribe(address, {
        callback: (
          _: unknown,
          { subject, data, headers }: { subject: string; data: Uint8Array; headers?: unknown },
        ) => {
          const entries = [...(headers as Iterable<[string, string[]]>)];
          messages.push({
            subject,
            data,
            headers: Object.fromEntries(entries.map(([name, [value]]) => [name, value ?? ''])),
          });
        },
      });
      await flushed();

      await all(transport.publish(sample('1'), { address, headers: { traceparent: '00-1-2-01' } }));

      await until(() => messages.length === 1);
      expect(messages[0]).toMatchObject({
        subject: address,
        headers: { 'Content-Type': 'application/cloudevents+json', traceparent: '00-1-2-01' },
      });
      expect(JSON.parse(textOf(messages[0]?.data))).toMatchObject({ id: '1', data: { id: '1' } });
    });

    it('waits with the receipts until the server has the events, where it is asked to flush', async () => {
      const { transport, connection } = await coreRig(server.url, { client });
      const address = anAddress();
      let flushes = 0;
      const { flush } = connection;
      connection.flush = () => {
        flushes += 1;
        return flush.call(connection);
      };

      const receipts = see(transport.publish(samples(3), { address, flush: true }));

      expect(receipts.values).toEqual([]);
      await receipts.ended();
      expect(flushes).toBe(1);
      expect(receipts.values).toHaveLength(3);
    });

    it('refuses an event that is larger than the server takes, and says both sizes', async () => {
      const { transport } = await coreRig(server.url, { client });

      const error = await failureOf(transport.publish(sample('1', 'x'.repeat(70_000)), { address: anAddress() }));

      expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
      expect((error as PublishError).message).toMatch(/70\d{3} bytes .* 65536/);
    });
  });

  describe('publish', () => {
    it('gives a receipt for each event at once', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();

      const receipts = see(transport.publish(samples(2), { address }));

      const receipt = { address, stored: false, duplicate: false };
      expect(receipts).toMatchObject({ values: [receipt, receipt], end: 'completed' });
    });

    it('sends none of a list that holds an event which cannot be sent', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      const events = [sample('1'), sample('2', 1n)];
      const error = await failureOf(transport.publish(events, { address }));
      await all(transport.publish(sample('3'), { address }));

      expect(error).toMatchObject({ name: 'InvalidEventError' });
      await seen.came(1);
      expect(idsOf(seen.values)).toEqual(['3']);
    });

    it('refuses to say that an event is stored', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      const error = await failureOf(transport.publish(sample('1'), { address, stored: true }));

      expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused', address });
      await all(transport.publish(sample('2'), { address }));
      await seen.came(1);
      expect(idsOf(seen.values)).toEqual(['2']);
    });

    it('refuses to expect a state of a stream', async () => {
      const { transport } = await coreRig(server.url);

      expect(() => transport.publish(sample(), { expect: { lastSequence: 1 } })).toThrow(TypeError);
    });

    it('sends a message id only where one is given', async () => {
      const { transport } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      await all(transport.publish(sample('1'), { address }));
      await all(transport.publish(sample('2'), { address, messageId: ({ id }) => `id-${id}` }));

      await seen.came(2);
      expect(seen.values.map(({ headers }) => headers)).toEqual([{}, { 'Nats-Msg-Id': 'id-2' }]);
    });

    it('fails on a connection that is closed', async () => {
      const { transport, connection } = await coreRig(server.url);
      await connection.close();

      await expect(failureOf(transport.publish(sample(), { address: 'x' }))).resolves.toMatchObject({
        name: 'TransportClosedError',
      });
    });
  });

  describe('subscribe', () => {
    it('delivers what is no event as bytes, with the reason why it cannot be handled', async () => {
      const { transport, connection } = await coreRig(server.url, { name: 'reader' });
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      connection.publish(address, bytesOf('{ "not": "an event" '));

      const [delivery] = await seen.came(1);
      expect(delivery?.failure).toMatchObject({ name: 'DecodeError', code: 'DECODE_FAILED' });
      expect(textOf((delivery as { failure: DecodeError }).failure.bytes)).toBe('{ "not": "an event" ');
      expect(delivery).toMatchObject({ address, attempt: 1, headers: {}, event: { source: 'reader' } });
      expect(textOf(delivery?.event.data)).toBe('{ "not": "an event" ');
    });

    it('has what is no event fail, without a run of the handler', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      let runs = 0;
      const handler = () => {
        runs += 1;
      };
      const outcomes = see(transport.subscribe({ address }).pipe(handle(handler)));

      connection.publish(address, bytesOf('no event'));

      await outcomes.came(1);
      expect(outcomes.values).toMatchObject([{ kind: 'failed', error: { name: 'DecodeError' } }]);
      expect(runs).toBe(0);
    });

    it('goes on after a codec that throws what is no DecodeError', async () => {
      const codec = {
        ...cloudEventsCodec(),
        decode: () => {
          throw new RangeError('broken');
        },
      };
      const { transport } = await coreRig(server.url, { codec });
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      await all(transport.publish(samples(2), { address }));

      await seen.came(2);
      expect(seen.values[1]?.failure).toMatchObject({ name: 'DecodeError', cause: new RangeError('broken') });
    });

    it('reads binary mode and structured mode alike, whatever it writes', async () => {
      const { transport } = await coreRig(server.url, { codec: cloudEventsCodec({ mode: 'binary' }) });
      const other = natsTransport(await connectNats2(server.url));
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));

      await all(transport.publish(sample('binary'), { address }));
      await seen.came(1);
      await all(other.publish(sample('structured'), { address }));

      await seen.came(2);
      expect(seen.values.map(({ event, failure }) => [event.id, event.data, failure])).toEqual([
        ['binary', { id: 'binary' }, undefined],
        ['structured', { id: 'structured' }, undefined],
      ]);
    });

    it.each([
      { options: { stream: 'S' } },
      { options: { address: 'a', stream: 'S' } },
      { options: { address: 'a', from: 'new' } },
      { options: { address: 'a', overflow: 'block' } },
    ])('refuses $options', async ({ options }) => {
      const { transport } = await coreRig(server.url);

      expect(() => transport.subscribe(options as never)).toThrow(TypeError);
    });

    it('fails where the server does not let it listen, and leaves other subscriptions alone', async () => {
      for (const client of clients) {
        const { transport } = await coreRig(server.url, { client, connection: { user: 'some', pass: 'some' } });
        const open = see(transport.subscribe({ address: 'open' }));

        const secret = see(transport.subscribe({ address: 'secret.plans', queue: 'q' }));

        await secret.ended();
        expect(secret.error).toMatchObject({ name: 'PermissionDeniedError', operation: 'subscribe' });
        expect(open.end).toBeUndefined();
      }
    });

    it('leaves nothing behind when it is unsubscribed', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address }));
      await all(transport.publish(sample(), { address }));
      await seen.came(1);

      seen.close();

      await deserted(connection, address);
    });

    it('completes when the connection is closed', async () => {
      const { transport, connection } = await coreRig(server.url);
      const seen = see(transport.subscribe({ address: anAddress() }));

      await connection.close();

      await seen.ended();
      expect(seen.end).toBe('completed');
      await expect(failureOf(transport.subscribe({ address: 'x' }))).resolves.toMatchObject({
        name: 'TransportClosedError',
      });
    });
  });

  describe.each([
    { overflow: 'drop-oldest', left: ['1', '2', '4', '5'] },
    { overflow: 'drop-newest', left: ['1', '2', '3', '4'] },
  ] as const)('subscribe, with $overflow', ({ overflow, left }) => {
    it('drops what its buffer does not hold, and counts it', async () => {
      const { transport, told } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address, prefetch: 2, buffer: 2, overflow }));

      await all(transport.publish(samples(5), { address, flush: true }));
      await until(() => told.length >= 3);
      for (let settled = 0; settled < 4; settled += 1) (await seen.came(settled + 1))[settled]?.ack();

      expect(idsOf(seen.values)).toEqual(left);
      expect(told.slice(1)).toEqual([
        { kind: 'slow', address, buffered: 2 },
        { kind: 'dropped', address, reason: overflow, total: 1 },
      ]);
    });
  });

  describe('subscribe, with an overflow that is an error', () => {
    it('fails, and stops to listen', async () => {
      const { transport, connection } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address, prefetch: 1, buffer: 2 }));

      await all(transport.publish(samples(10), { address, flush: true }));

      await seen.ended();
      expect(seen.error).toMatchObject({ name: 'BufferOverflowError', limit: 2 });
      expect(idsOf(seen.values)).toEqual(['1']);
      await deserted(connection, address);
    });
  });

  describe('drain', () => {
    it('accounts for what was delivered, tells what is dropped, and leaves the connection open', async () => {
      const { transport, connection, ofKind } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address, prefetch: 3 }));
      await all(transport.publish(samples(5), { address, flush: true }));
      await seen.came(3);
      seen.values[0]?.ack();
      await seen.came(4);
      seen.values[1]?.nak();
      await seen.came(5);

      const [report] = await all(transport.drain({ grace: 10 }));

      expect(report).toMatchObject({ received: 5, acked: 1, naked: 1, abandoned: 3 });
      expect(ofKind('dropped').at(-1)?.total).toBe(4);
      expect(seen.end).toBe('completed');
      expect(connection.isClosed()).toBe(false);
      await deserted(connection, address);
    });

    it('tells how much waited in the buffer', async () => {
      const { transport, ofKind } = await coreRig(server.url);
      const address = anAddress();
      const seen = see(transport.subscribe({ address, prefetch: 1 }));
      await all(transport.publish(samples(5), { address, flush: true }));
      await seen.came(1);

      const draining = all(transport.drain());
      seen.values[0]?.ack();
      await draining;

      expect(ofKind('dropped')).toEqual([{ kind: 'dropped', address, reason: 'left in the buffer', total: 4 }]);
    });

    it('sends what was published before', async () => {
      const { transport } = await coreRig(server.url);
      const other = await coreRig(server.url);
      const address = anAddress();
      const seen = see(other.transport.subscribe({ address }));
      await other.flushed();

      transport.publish(samples(100), { address }).subscribe();
      await all(transport.drain());
      await other.flushed();

      expect(seen.values).toHaveLength(100);
    });

    it('reports at once where the connection is closed', async () => {
      const { transport, connection } = await coreRig(server.url);
      await connection.close();

      await expect(all(transport.drain())).resolves.toMatchObject([{ received: 0 }]);
    });
  });
});
