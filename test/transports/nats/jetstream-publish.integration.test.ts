import { expect, it } from 'vitest';
import { clients } from '../../support/nats/connect.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { failureOf, publisherRig, receipts, sample, samples } from './publisher-rig.ts';

describeOnEachServer('jetstreamPublisher', (binary) => {
  const rigOf = (options = {}) => publisherRig({ server: { binary }, ...options });

  it.each(clients)('gives one receipt for each event, in order, with $name', async ({ connect }) => {
    const rig = await rigOf({ connect });
    await rig.stream('SHOP');

    const given = await receipts(rig.publish(samples(2_000), { address: 'SHOP.a' }));

    expect(given.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 2_000 }, (_, index) => index + 1));
    expect(given[0]).toEqual({ address: 'SHOP.a', stored: true, stream: 'SHOP', sequence: 1, duplicate: false });
    expect(await rig.at('SHOP', 2_000)).toMatchObject({
      subject: 'SHOP.a',
      headers: expect.stringContaining('Nats-Msg-Id: /rig e2000'),
      data: expect.stringContaining('"id":"e2000"'),
    });
    expect(rig.wire.inbox.size).toBe(0);
  });

  it('recognises what the stream has already', async () => {
    const rig = await rigOf();
    await rig.stream('SHOP');
    await receipts(rig.publish([sample('a'), sample('b')], { address: 'SHOP.a' }));

    const [again] = await receipts(rig.publish(sample('a'), { address: 'SHOP.elsewhere' }));

    expect(again).toMatchObject({ sequence: 1, duplicate: true });
    expect(await rig.count('SHOP')).toBe(2);
  });

  it('refuses an address that no stream stores, and says so', async () => {
    const rig = await rigOf();

    const error = await failureOf(rig.publish(sample(), { address: 'nowhere.a' }));

    expect(error).toMatchObject({ name: 'UnboundAddressError', outcome: 'refused', address: 'nowhere.a' });
  });

  it('stores an event whose stream comes a moment later', async () => {
    const rig = await rigOf();
    const given = receipts(rig.publish(sample(), { address: 'LATE.a', messageId: false }));

    await rig.stream('LATE');

    expect(await given).toMatchObject([{ stream: 'LATE', sequence: 1 }]);
  });
});
