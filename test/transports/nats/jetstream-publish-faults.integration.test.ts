import { never } from 'millrace';
import { lastValueFrom, type Observable } from 'rxjs';
import { expect, it } from 'vitest';
import type { Receipt } from '../../../src/core/transport.ts';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer, describeOnLatestServer } from '../../support/nats/servers.ts';
import { until } from '../../support/nats/wait-for.ts';
import { failureOf, type PublisherRig, proxiedRig, publisherRig, receipts, sample, samples } from './publisher-rig.ts';

const address = 'SHOP.a';

/** Subscribes, and tells what has come so far. */
function follow(published: Observable<Receipt>) {
  const seen: Receipt[] = [];
  const end = new Promise<Receipt[]>((resolve, reject) => {
    published.subscribe({ next: (receipt) => seen.push(receipt), error: reject, complete: () => resolve(seen) });
  });
  return { seen, end };
}

/** The ids of all that a stream has, in order. */
async function storedIds(rig: PublisherRig, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let sequence = 1; sequence <= count; sequence++) ids.push(JSON.parse((await rig.at('SHOP', sequence)).data).id);
  return ids;
}

describeOnEachServer('jetstreamPublisher', (binary) => {
  const server = { binary };

  it.each(clients)('stores each event once when the server is killed and started again, with $name', async (client) => {
    const rig = await publisherRig({ server, connect: client.connect, inFlight: 64 });
    await rig.stream('SHOP');
    const { seen, end } = follow(rig.publish(samples(3_000), { address }));

    await until(() => seen.length > 200, { interval: 1 });
    await rig.server.kill();
    const before = seen.length;
    await rig.server.restart();

    expect(before).toBeLessThan(3_000);
    await end;
    const ids = await storedIds(rig, await rig.count('SHOP'));
    expect(ids).toHaveLength(3_000);
    expect(new Set(ids).size).toBe(3_000);
    for (const [index, { sequence }] of seen.entries()) expect(ids[(sequence ?? 0) - 1]).toBe(`e${index + 1}`);
  });

  it.each(clients)('stores each event once when the connection is cut again and again, with $name', async (client) => {
    const rig = await proxiedRig({ server, connect: client.connect, inFlight: 64 });
    await rig.stream('SHOP');
    const { seen, end } = follow(rig.publish(samples(3_000), { address }));

    for (const mark of [100, 800, 1_500]) {
      await until(() => seen.length > mark, { interval: 1 });
      rig.proxy.cut();
    }

    await end;
    const ids = await storedIds(rig, await rig.count('SHOP'));
    expect(ids).toHaveLength(3_000);
    expect(new Set(ids).size).toBe(3_000);
  });
});

describeOnLatestServer('jetstreamPublisher', () => {
  it('sends again what a paused server did not confirm, with the same id', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();
    const { end } = follow(rig.publish(sample('a'), { address, timeout: 100 }));
    const { end: other } = follow(rig.publish(sample('b'), { address, timeout: 100, messageId: 'my-id' }));

    await until(() => rig.sent() >= 6);
    rig.server.resume();

    expect(await end).toMatchObject([{ stored: true }]);
    expect(await other).toMatchObject([{ stored: true }]);
    await until(async () => (await rig.count('SHOP')) === 2);
  });

  it('does not know what became of an event without an id that was not confirmed in time', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();

    const error = await failureOf(rig.publish(sample(), { address, timeout: 100, messageId: false }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'unknown', address });
    expect(String(error)).toContain('within 100 ms; it may have been stored');
    expect(rig.sent()).toBe(1);
    expect(rig.wire.inbox.size).toBe(0);
  });

  it('gives up as unknown when the policy says so', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();

    const error = await failureOf(rig.publish(sample(), { address, timeout: 50, backoff: never() }));
    const later = await failureOf(rig.publish(sample(), { address, timeout: 50, retryFor: 200 }));

    expect(error).toMatchObject({ outcome: 'unknown' });
    expect(later).toMatchObject({ outcome: 'unknown' });
  });

  it('does not know what became of an event without an id when the connection is lost, and says so at once', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP');
    rig.proxy.block();
    const failure = failureOf(rig.publish(sample(), { address, messageId: false }));

    rig.proxy.cut();

    expect(await failure).toMatchObject({ name: 'PublishError', outcome: 'unknown' });
  });

  it('sends an event again when there is a connection, and says that the stream had it', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP');
    rig.proxy.delay(300);
    const { end } = follow(rig.publish(sample('a'), { address }));

    await until(async () => (await rig.direct.count('SHOP')) === 1);
    rig.proxy.delay(0);
    rig.proxy.cut();

    expect(await end).toEqual([{ address, stored: true, stream: 'SHOP', sequence: 1, duplicate: true }]);
    expect(await rig.count('SHOP')).toBe(1);
  });

  it('does not take a refusal for an answer where the stream may refuse what it has stored', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP');
    rig.proxy.delay(300);
    const failure = failureOf(rig.publish(sample('a'), { address, expect: { lastSequence: 0 } }));

    await until(async () => (await rig.direct.count('SHOP')) === 1);
    rig.proxy.delay(0);
    rig.proxy.cut();

    expect(await failure).toMatchObject({ outcome: 'unknown', cause: { name: 'WrongSequenceError', actual: 1 } });
  });

  it('does not send an event again when the stream would not know its id any more', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP', { duplicate_window: 200e6 });
    rig.proxy.delay(300);
    const failure = failureOf(rig.publish(sample('a'), { address }));
    await until(async () => (await rig.direct.count('SHOP')) === 1);
    const storedAt = performance.now();

    rig.proxy.refuse();
    rig.proxy.delay(0);
    rig.proxy.cut();
    await until(() => performance.now() - storedAt > 300);
    await rig.proxy.accept();

    expect(await failure).toMatchObject({ outcome: 'unknown' });
    expect(await rig.count('SHOP')).toBe(1);
  });

  it('refuses what it could not send before its timeout, and does not send it later', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP');
    rig.proxy.refuse();
    rig.proxy.cut();
    await until(() => !rig.wire.connected);

    const error = await failureOf(rig.publish(samples(3), { address, timeout: 100 }));
    await rig.proxy.accept();
    const [receipt] = await receipts(rig.publish(sample('later'), { address }));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
    expect(String(error)).toContain('no connection for 100 ms');
    expect(receipt?.sequence).toBe(1);
  });

  it('sends what was published without a connection when there is one', async () => {
    const rig = await proxiedRig();
    await rig.stream('SHOP');
    rig.proxy.refuse();
    rig.proxy.cut();
    await until(() => !rig.wire.connected);
    const { end } = follow(rig.publish(samples(3), { address, messageId: false }));

    await rig.proxy.accept();

    expect((await end).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('ends everything when the connection is closed', async () => {
    const rig = await publisherRig({ inFlight: 2 });
    await rig.stream('SHOP');
    await rig.server.pause();
    const sent = failureOf(rig.publish(samples(2), { address }));
    const waiting = failureOf(rig.publish(sample('b'), { address }));

    await rig.connection.close();

    expect(await sent).toMatchObject({ outcome: 'unknown' });
    expect(await waiting).toMatchObject({ outcome: 'refused', cause: { name: 'TransportClosedError' } });
    expect(await failureOf(rig.publish(sample(), { address }))).toMatchObject({ name: 'TransportClosedError' });
    expect(rig.life.attachments.size).toBe(0);
  });

  it('has no more on its way than it may, of all publishes together, and takes turns', async () => {
    const rig = await publisherRig({ inFlight: 4 });
    await rig.stream('SHOP');
    await rig.server.pause();
    const many = follow(rig.publish(samples(50, 'many'), { address }));
    const one = follow(rig.publish(sample('one'), { address }));

    const inFlight = rig.wire.inbox.size;
    rig.server.resume();
    await Promise.all([many.end, one.end]);

    expect(inFlight).toBe(4);
    expect(one.seen[0]?.sequence).toBeLessThan(10);
    expect(many.seen).toHaveLength(50);
  });

  it('forgets what is on its way when it is unsubscribed', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();
    const subscription = rig.publish(samples(1_000), { address }).subscribe();
    const before = rig.wire.inbox.size;

    subscription.unsubscribe();

    expect(before).toBe(512);
    expect(rig.wire.inbox.size).toBe(0);
    expect(rig.life.attachments.size).toBe(0);
    rig.server.resume();
    expect(await receipts(rig.publish(sample('next'), { address }))).toHaveLength(1);
  });

  it('keeps a drain waiting for what is on its way', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();
    const { seen, end } = follow(rig.publish(samples(10), { address }));
    const drained = lastValueFrom(rig.life.drain());

    rig.server.resume();
    await drained;

    expect(seen).toHaveLength(10);
    await end;
    expect(await failureOf(rig.publish(sample(), { address }))).toMatchObject({ name: 'TransportClosedError' });
  });

  it('does not know what became of what is on its way when a drain gives up', async () => {
    const rig = await publisherRig();
    await rig.stream('SHOP');
    await rig.server.pause();
    const failure = failureOf(rig.publish(samples(10), { address }));

    await lastValueFrom(rig.life.drain({ grace: 50 }));

    expect(await failure).toMatchObject({ outcome: 'unknown', cause: { name: 'TransportClosedError' } });
    expect(rig.wire.inbox.size).toBe(0);
  });
});
