import { setTimeout } from 'node:timers/promises';
import { deleteConsumer, deleteStream } from 'millrace/nats';
import { firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnEachServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { CONSUMER, faultRig, proxyFor, STREAM, serverFor } from './rig.ts';

/** Where the server says nothing of it, the silence does: after three of these at most. */
const heartbeat = 400;

describeOnEachServer('jetstreamTransport', (binary) => {
  it.concurrent.for(clients)(
    'fails soon, and asks no more, when the consumer is deleted under a running pipeline, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client });
      await rig.publish(100);
      const pipeline = rig.start({ subscribe: { heartbeat } });
      await rig.handled(40);
      const sent = rig.connection.stats().outMsgs;
      const startedAt = performance.now();

      await firstValueFrom(deleteConsumer(rig.direct, STREAM, CONSUMER));
      await until(() => pipeline.ended);

      expect(pipeline.error).toMatchObject({ name: 'ConsumerNotFoundError', stream: STREAM, consumer: CONSUMER });
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      // What was out is acked; beyond that there are a few questions.
      expect(rig.connection.stats().outMsgs - sent).toBeLessThan(150);
      await expectSilence(rig.connection);
    },
  );

  it.concurrent('goes on with a consumer that was made again', async (test) => {
    const server = await serverFor(test, { binary });
    const rig = await faultRig(test, { servers: server.url });
    await rig.publish(100);
    const first = rig.start({ subscribe: { heartbeat } });
    await rig.handled(40);
    await firstValueFrom(deleteConsumer(rig.direct, STREAM, CONSUMER));
    await until(() => first.ended);

    await rig.provision();
    const second = rig.start({ subscribe: { heartbeat } });
    await rig.publish(100);
    await rig.done();

    expect(second.ended).toBe(false);
    rig.verify({ allow: ['settledTwice'] }); // by the number of the delivery: the new consumer begins at 1, too
  });

  it.concurrent.for(clients)(
    'fails soon, and asks no more, when the stream is deleted under a running pipeline, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client });
      await rig.publish(100);
      const pipeline = rig.start({ subscribe: { heartbeat } });
      await rig.handled(40);
      const sent = rig.connection.stats().outMsgs;
      const startedAt = performance.now();

      await firstValueFrom(deleteStream(rig.direct, STREAM));
      await until(() => pipeline.ended);

      expect(pipeline.error).toMatchObject({ code: expect.stringMatching(/^(STREAM|CONSUMER)_NOT_FOUND$/) });
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      expect(rig.connection.stats().outMsgs - sent).toBeLessThan(150);
      await expectSilence(rig.connection);
    },
  );

  it.concurrent('fails when the consumer is deleted while it waits for messages', async (test) => {
    const server = await serverFor(test, { binary });
    const rig = await faultRig(test, { servers: server.url });
    const pipeline = rig.start({ subscribe: { heartbeat } });
    await rig.publish(10);
    await rig.done();

    await firstValueFrom(deleteConsumer(rig.direct, STREAM, CONSUMER));
    await until(() => pipeline.ended, { deadline: 3_000 });

    expect(pipeline.error).toMatchObject({ name: 'ConsumerNotFoundError' });
    rig.verify();
  });

  it.concurrent('fails when the consumer is deleted while there is no connection', async (test) => {
    const server = await serverFor(test, { binary });
    const proxy = await proxyFor(test, server);
    const rig = await faultRig(test, { servers: proxy.url, direct: server.url });
    const pipeline = rig.start({ subscribe: { heartbeat } });
    await rig.publish(10);
    await rig.done();

    proxy.refuse();
    proxy.cut();
    await firstValueFrom(deleteConsumer(rig.direct, STREAM, CONSUMER));
    await proxy.accept();
    await until(() => pipeline.ended, { deadline: 3_000 });

    expect(pipeline.error).toMatchObject({ name: 'ConsumerNotFoundError' });
    rig.verify();
  });
});

/** Nothing is sent for as long as it would take to ask again. */
async function expectSilence(connection: { stats(): { outMsgs: number } }): Promise<void> {
  await setTimeout(200);
  const sent = connection.stats().outMsgs;
  await setTimeout(1_000);
  expect(connection.stats().outMsgs - sent).toBe(0);
}
