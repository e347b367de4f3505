import { createEvent } from 'millrace';
import { ensureStream, jetstreamTransport, listConsumers } from 'millrace/nats';
import { concatMap, delay, firstValueFrom, lastValueFrom, of, take, toArray } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';
import { clients } from '../../support/nats/connect.ts';
import { testNatsServer } from '../../support/nats/nats-server.ts';
import { testTcpProxy } from '../../support/nats/proxy.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

const COUNT = 2_000;
const numbers = Array.from({ length: COUNT }, (_, index) => String(index + 1));

describeOnEachServer('subscribe, ordered', (binary) => {
  it.each(clients)('replays a stream in order and leaves no consumer, on $name', async (client) => {
    const { url } = await testNatsServer({ binary });
    const connection = await client.connect(url);
    const transport = await stored(connection);

    const replay = transport.subscribe({ stream: 'S', ordered: true, prefetch: 100 });
    const ids = await lastValueFrom(
      replay.pipe(
        concatMap((delivery) => {
          delivery.ack();
          return [delivery.event.id];
        }),
        take(COUNT),
        toArray(),
      ),
    );

    expect(ids).toEqual(numbers);
    await until(async () => (await lastValueFrom(listConsumers(connection, 'S').pipe(toArray()))).length === 0);
  });

  it.each(clients)(
    'goes on where it was, in order and without gaps, when the connection is cut, on $name',
    async (client) => {
      const server = await testNatsServer({ binary });
      const proxy = await testTcpProxy(server.port);
      const transport = await stored(await client.connect(server.url));
      const cut = jetstreamTransport(await client.connect({ servers: proxy.url, reconnectTimeWait: 20 }));
      const ids: string[] = [];

      const subscription = cut
        .subscribe({ stream: 'S', ordered: true, prefetch: 64 })
        .pipe(concatMap((delivery) => of(delivery).pipe(delay(0))))
        .subscribe((delivery) => {
          ids.push(delivery.event.id);
          delivery.ack();
          if (ids.length === 300 || ids.length === 900) proxy.cut();
        });
      onTestFinished(() => subscription.unsubscribe());

      await until(() => ids.length >= COUNT, { describe: () => `${ids.length} events` });
      expect(ids).toEqual(numbers);
      await lastValueFrom(transport.drain());
    },
  );

  it('goes on where it was when the server has forgotten its consumer', async () => {
    const server = await testNatsServer({ binary });
    const connection = await clients[0]?.connect({ servers: server.url, reconnectTimeWait: 20 });
    if (connection === undefined) throw new Error('There is no client');
    const transport = await stored(connection);
    const ids: string[] = [];
    const subscription = transport
      .subscribe({ stream: 'S', ordered: true, prefetch: 64, expires: 1_000, heartbeat: 200 })
      .pipe(concatMap((delivery) => of(delivery).pipe(delay(0))))
      .subscribe((delivery) => {
        ids.push(delivery.event.id);
        delivery.ack();
      });
    onTestFinished(() => subscription.unsubscribe());
    await until(() => ids.length > 200);

    await server.kill();
    await server.restart();

    await until(() => ids.length >= COUNT, { describe: () => `${ids.length} events` });
    expect(ids).toEqual(numbers);
  });

  it('redelivers nothing: what fails is on its last attempt', async () => {
    const { url } = await testNatsServer({ binary });
    const connection = await clients[0]?.connect(url);
    if (connection === undefined) throw new Error('There is no client');
    const transport = await stored(connection);
    const dropped: string[] = [];
    transport.status$.subscribe((status) => status.kind === 'dropped' && dropped.push(status.reason));

    const delivery = await firstValueFrom(transport.subscribe({ stream: 'S', ordered: true }));

    expect(delivery.subscription.maxDeliver).toBe(1);
    expect([delivery.nak(), delivery.ack()]).toEqual([true, false]);
    expect(dropped.length).toBe(1);
    expect(() => transport.subscribe({ stream: 'S', consumer: 'C', ordered: true })).toThrow(TypeError);
  });
});

/** A stream `S` with events 1, 2, …, and a transport on the connection. */
async function stored(connection: Parameters<typeof jetstreamTransport>[0]) {
  await firstValueFrom(ensureStream(connection, { name: 'S', subjects: ['s'] }));
  const transport = jetstreamTransport(connection);
  const events = numbers.map((id) => createEvent({ id, source: '/test', type: 's' }));
  await lastValueFrom(transport.publish(events));
  return transport;
}
