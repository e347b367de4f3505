import { createEvent, deadLetterHeaders, PublishError, type Publisher } from 'millrace';
import {
  advisories,
  type ConsumerAdvisory,
  deadLetterMaxDeliveries,
  ensureConsumer,
  ensureStream,
  jetstreamTransport,
  type Rescue,
  streamInfo,
} from 'millrace/nats';
import { firstValueFrom, lastValueFrom, throwError } from 'rxjs';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { connectNats2, type RawConnection } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';

const KEPT = 'ADVISORIES';
let names = 0;

describeOnEachServer('deadLetterMaxDeliveries', (binary) => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  /** A stream whose consumer `C` gives up after two attempts of 100 ms, and a stream for dead letters. */
  async function shop(retention: 'limits' | 'workqueue' = 'limits') {
    const connection = await connectNats2(server.url);
    const stream = `S${++names}`;
    await firstValueFrom(ensureStream(connection, { name: stream, subjects: [`${stream}.order`], retention }));
    await firstValueFrom(ensureStream(connection, { name: `${stream}-DEAD`, subjects: [`${stream}.order.dlq`] }));
    await firstValueFrom(ensureConsumer(connection, { stream, name: 'C', ackWait: 100, maxDeliver: 2 }));
    const transport = jetstreamTransport(connection);
    const publish = (id: string) =>
      lastValueFrom(
        transport.publish(createEvent({ id, source: '/shop', type: 'order', data: { id } }), {
          address: `${stream}.order`,
          headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
        }),
      );
    return { connection, stream, transport, publish };
  }

  /** A process that takes what comes and never settles anything, as one that is killed each time. */
  function neverSettles(connection: RawConnection, stream: string): void {
    const subscription = jetstreamTransport(connection).subscribe({ stream, consumer: 'C' }).subscribe();
    onTestFinished(() => subscription.unsubscribe());
  }

  function collect(source: ReturnType<typeof deadLetterMaxDeliveries>): readonly Rescue[] {
    const rescued: Rescue[] = [];
    const subscription = source.subscribe((rescue) => rescued.push(rescue));
    onTestFinished(() => subscription.unsubscribe());
    return rescued;
  }

  it('stores what nobody settled as a dead letter that says why, once for several processes', async () => {
    const { connection, stream, transport, publish } = await shop();
    const other = await connectNats2(server.url);
    const rescued = [
      collect(deadLetterMaxDeliveries(connection, { stream, publisher: transport })),
      collect(deadLetterMaxDeliveries(other, { stream, publisher: jetstreamTransport(other) })),
    ];
    await connection.flush();
    await other.flush();
    neverSettles(connection, stream);

    const { sequence } = await publish('lost');

    await until(() => rescued.flat().length > 0);
    expect(rescued.flat()).toMatchObject([{ kind: 'deadLettered', stream, sequence }]);
    const letter = await firstValueFrom(transport.subscribe({ stream: `${stream}-DEAD` }));
    expect(letter.event).toMatchObject({ id: 'lost', source: '/shop', data: { id: 'lost' } });
    expect(letter.headers).toMatchObject({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      [deadLetterHeaders.errorName]: 'MaxDeliveriesError',
      [deadLetterHeaders.address]: `${stream}.order`,
      [deadLetterHeaders.stream]: stream,
      [deadLetterHeaders.consumer]: 'C',
      [deadLetterHeaders.attempts]: '2',
    });
  });

  it('keeps the bytes and the headers of what is no event', async () => {
    const { connection, stream, transport } = await shop();
    const rescued = collect(deadLetterMaxDeliveries(connection, { stream, consumer: 'C', publisher: transport }));
    await connection.flush();
    neverSettles(connection, stream);

    connection.publish(`${stream}.order`, new Uint8Array([0xff, 0, 1]));

    await until(() => rescued.length > 0);
    const letter = await firstValueFrom(transport.subscribe({ stream: `${stream}-DEAD` }));
    expect(letter.event.type).toBe('millrace.undecodable');
    expect(letter.event.data).toEqual(new Uint8Array([0xff, 0, 1]));
  });

  it('misses none that came while nobody listened, where a stream keeps the advisories', async () => {
    const { connection, stream, transport, publish } = await shop();
    const kept = `${KEPT}-${stream}`;
    const subjects = [`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.>`];
    await firstValueFrom(ensureStream(connection, { name: kept, subjects }));
    await firstValueFrom(ensureConsumer(connection, { stream: kept, name: 'R' }));
    neverSettles(connection, stream);
    await publish('1');
    await publish('2');
    await until(async () => (await firstValueFrom(streamInfo(connection, kept))).messages === 2);

    const options = { stream, publisher: transport, from: { stream: kept, consumer: 'R' } };
    const rescued = collect(deadLetterMaxDeliveries(connection, options));

    await until(() => rescued.length === 2);
    expect(rescued).toMatchObject([{ kind: 'deadLettered' }, { kind: 'deadLettered' }]);
  });

  it('tries again where the dead letter was refused, and says so', async () => {
    const { connection, stream, transport, publish } = await shop();
    const kept = `${KEPT}-${stream}`;
    const subjects = [`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${stream}.>`];
    await firstValueFrom(ensureStream(connection, { name: kept, subjects }));
    await firstValueFrom(ensureConsumer(connection, { stream: kept, name: 'R' }));
    let refusals = 0;
    const publisher: Publisher = {
      publish: (events, options) =>
        ++refusals > 2
          ? transport.publish(events, options)
          : throwError(() => new PublishError('refused', 'dlq', 'It is full')),
    };
    const from = { stream: kept, consumer: 'R' };
    const rescued = collect(deadLetterMaxDeliveries(connection, { stream, publisher, from, retryDelay: 50 }));
    neverSettles(connection, stream);

    await publish('1');

    await until(() => rescued.length === 3);
    expect(rescued.map(({ kind }) => kind)).toEqual(['failed', 'failed', 'deadLettered']);
  });

  it('tries again by itself where the advisory is heard live, and would be gone', async () => {
    const { connection, stream, transport, publish } = await shop();
    let refusals = 0;
    const publisher: Publisher = {
      publish: (events, options) =>
        ++refusals > 2
          ? transport.publish(events, options)
          : throwError(() => new PublishError('refused', 'dlq', 'It is full')),
    };
    const rescued = collect(deadLetterMaxDeliveries(connection, { stream, publisher, retryDelay: 50 }));
    await connection.flush();
    neverSettles(connection, stream);

    await publish('1');

    await until(() => rescued.length > 0);
    expect(rescued).toMatchObject([{ kind: 'deadLettered' }]);
  });

  it('removes what a work queue would keep for ever, where it is told to', async () => {
    const { connection, stream, transport, publish } = await shop('workqueue');
    const rescued = collect(deadLetterMaxDeliveries(connection, { stream, publisher: transport, remove: true }));
    await connection.flush();
    neverSettles(connection, stream);

    await publish('1');

    await until(() => rescued.length > 0);
    expect((await firstValueFrom(streamInfo(connection, stream))).messages).toBe(0);
    expect((await firstValueFrom(streamInfo(connection, `${stream}-DEAD`))).messages).toBe(1);
  });

  it('is heard as advisories too', async () => {
    const { connection, stream, publish } = await shop();
    const heard: ConsumerAdvisory[] = [];
    const subscription = advisories(connection, { stream, kinds: ['maxDeliveries'] }).subscribe((advisory) => {
      heard.push(advisory);
    });
    onTestFinished(() => subscription.unsubscribe());
    await connection.flush();
    neverSettles(connection, stream);

    const { sequence } = await publish('1');

    await until(() => heard.length > 0);
    expect(heard).toMatchObject([{ kind: 'maxDeliveries', stream, consumer: 'C', sequence, attempts: 2 }]);
  });
});
