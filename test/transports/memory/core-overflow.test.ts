import { BufferOverflowError, type Status } from 'millrace';
import { describe, expect, it } from 'vitest';
import { ack, errorOf, inbox, publish, sample, statuses, world } from './support.ts';

const address = 'news';
const ofKind = (seen: readonly Status[], kind: Status['kind']): readonly Status[] =>
  seen.filter((status) => status.kind === kind);

describe('coreSource', () => {
  it('buffers as many as it is told to while prefetch deliveries are unsettled', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 3 }));

    publish(transport, '1 2 3 4', { address });
    for (const index of [0, 1, 2, 3]) open.at(index).ack();

    expect(open.ids).toEqual(['1', '2', '3', '4']);
    expect(seen).toEqual([{ kind: 'connected' }]);
  });

  it('fails when its buffer is full, unless it is told otherwise', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 2 }));

    publish(transport, '1 2 3 4', { address });

    expect(open.end).toBe('failed');
    expect(open.error).toBeInstanceOf(BufferOverflowError);
    expect(open.error).toMatchObject({ limit: 2 });
    expect(open.ids).toEqual(['1']);
  });

  it('has left when it has failed', () => {
    const { transport } = world();
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 1, overflow: 'error' }));
    publish(transport, '1 2 3', { address });

    expect(open.at(0).ack()).toBe(true);

    expect(open.ids).toEqual(['1']);
    expect(errorOf(transport.publish(sample('4'), { address }))).toMatchObject({ code: 'UNBOUND_ADDRESS' });
  });

  it('buffers 1024 unless it is told otherwise', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, overflow: 'drop-newest' }));

    for (let n = 0; n < 1 + 1_024; n += 1) publish(transport, String(n), { address });
    expect(seen).toHaveLength(1);
    publish(transport, 'last', { address });

    expect(ofKind(seen, 'dropped')).toHaveLength(1);
    expect(open.ids).toEqual(['0']);
  });

  it('drops the oldest of its buffer', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 2, overflow: 'drop-oldest' }));

    publish(transport, '1 2 3 4 5', { address });
    for (const index of [0, 1, 2]) open.at(index).ack();

    expect(open.ids).toEqual(['1', '4', '5']);
    expect(ofKind(seen, 'dropped')).toEqual([
      { kind: 'dropped', address, reason: 'drop-oldest', total: 1 },
      { kind: 'dropped', address, reason: 'drop-oldest', total: 2 },
    ]);
  });

  it('drops what comes to a full buffer', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 2, overflow: 'drop-newest' }));

    publish(transport, '1 2 3 4 5', { address });
    for (const index of [0, 1, 2]) open.at(index).ack();

    expect(open.ids).toEqual(['1', '2', '3']);
    expect(ofKind(seen, 'dropped')).toEqual([
      { kind: 'dropped', address, reason: 'drop-newest', total: 1 },
      { kind: 'dropped', address, reason: 'drop-newest', total: 2 },
    ]);
  });

  it('counts the drops of each subscription by itself', () => {
    const { transport } = world();
    const seen = statuses(transport);
    inbox(transport.subscribe({ address: 'a', prefetch: 1, buffer: 1, overflow: 'drop-newest' }));
    inbox(transport.subscribe({ address: 'b', prefetch: 1, buffer: 1, overflow: 'drop-newest' }));

    for (const each of ['a', 'b']) publish(transport, '1 2 3', { address: each });

    expect(ofKind(seen, 'dropped')).toMatchObject([
      { address: 'a', total: 1 },
      { address: 'b', total: 1 },
    ]);
  });

  it('says that it is slow when its buffer is full, before it drops, and once', () => {
    const { transport } = world();
    const seen = statuses(transport);
    inbox(transport.subscribe({ address, prefetch: 1, buffer: 2, overflow: 'drop-oldest' }));

    publish(transport, '1 2 3 4 5', { address });

    expect(seen.map(({ kind }) => kind)).toEqual(['connected', 'slow', 'dropped', 'dropped']);
    expect(ofKind(seen, 'slow')).toEqual([{ kind: 'slow', address, buffered: 2 }]);
  });

  it('says that it is slow before it fails', () => {
    const { transport } = world();
    const seen = statuses(transport);
    inbox(transport.subscribe({ address, prefetch: 1, buffer: 1 }));

    publish(transport, '1 2 3', { address });

    expect(seen.map(({ kind }) => kind)).toEqual(['connected', 'slow']);
  });

  it('says so again when it is slow again after it had caught up', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 1, overflow: 'drop-newest' }));
    publish(transport, '1 2 3', { address });
    open.at(0).ack();
    open.at(1).ack();

    publish(transport, '4 5 6', { address });

    expect(ofKind(seen, 'slow')).toHaveLength(2);
  });

  it('holds its bound against a handler that publishes to its own address', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, buffer: 2, overflow: 'drop-newest' }), (delivery) => {
      delivery.ack();
      if (delivery.event.id === '1') publish(transport, '2 3 4 5', { address });
    });

    publish(transport, '1', { address });

    expect(open.ids).toEqual(['1', '2', '3']);
    expect(ofKind(seen, 'dropped')).toHaveLength(2);
  });

  it('drops nothing where deliveries are settled as they come', () => {
    const { transport } = world();
    const seen = statuses(transport);
    const open = inbox(transport.subscribe({ address, prefetch: 1, buffer: 1 }), ack);

    publish(transport, '1 2 3 4 5', { address });

    expect(open.ids).toHaveLength(5);
    expect(seen).toHaveLength(1);
  });
});
