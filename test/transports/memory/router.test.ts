import type { Event } from 'millrace';
import { describe, expect, it } from 'vitest';
import { type CoreMessage, type Router, router } from '../../../src/transports/memory/router.ts';
import { sample } from './support.ts';

function send(to: Router, address: string, event: Event | undefined = sample('1')): number {
  return to.route({ address, event, headers: {}, reply: undefined });
}

/** A message with an event of its own. */
function copied(message: CoreMessage): CoreMessage {
  return { ...message, event: message.event && { ...message.event } };
}

describe('router', () => {
  it('hands a message to nobody where nobody listens', () => {
    expect(send(router(), 'a')).toBe(0);
  });

  it('hands a message to each listener at its address, and counts them', () => {
    const hub = router();
    const heard: string[] = [];
    for (const name of ['first', 'second']) hub.listen('a.b', undefined, () => heard.push(name));
    hub.listen('a.c', undefined, () => heard.push('elsewhere'));

    expect(send(hub, 'a.b')).toBe(2);

    expect(heard).toEqual(['first', 'second']);
  });

  it.each([
    ['a.*', ['a.b', 'a.c']],
    ['a.>', ['a.b', 'a.c', 'a.b.c']],
    ['*.b', ['a.b', 'b.b']],
    ['>', ['a', 'a.b', 'a.c', 'b.b', 'a.b.c']],
    ['a.*.c', ['a.b.c']],
    ['a', ['a']],
  ])('listens at %s', (pattern, expected) => {
    const hub = router();
    const heard: string[] = [];
    hub.listen(pattern, undefined, ({ address }) => heard.push(address));

    for (const address of ['a', 'a.b', 'a.c', 'b.b', 'a.b.c']) send(hub, address);

    expect(heard).toEqual(expected);
  });

  it('hands a message to one member of each queue, and to every plain listener', () => {
    const hub = router();
    const heard: string[] = [];
    for (const queue of ['red', 'red', 'blue', undefined, undefined])
      hub.listen('a', queue, () => heard.push(`${queue}`));

    expect(send(hub, 'a')).toBe(4);

    expect(heard.sort()).toEqual(['blue', 'red', 'undefined', 'undefined']);
  });

  it('counts members of a queue together, whatever pattern they listen at', () => {
    const hub = router();
    const heard: string[] = [];
    for (const pattern of ['a.b', 'a.*', '>']) hub.listen(pattern, 'queue', () => heard.push(pattern));

    for (let n = 0; n < 3; n += 1) expect(send(hub, 'a.b')).toBe(1);

    expect(heard.sort()).toEqual(['>', 'a.*', 'a.b']);
  });

  it('gives each member of a queue its share, whatever else is sent in between', () => {
    const hub = router();
    const shares = [0, 0, 0];
    shares.forEach((_, member) => {
      hub.listen('work', 'queue', () => {
        shares[member]! += 1;
        for (let n = 0; n <= member; n += 1) send(hub, 'other');
      });
    });
    hub.listen('>', undefined, () => undefined);

    for (let n = 0; n < 30; n += 1) send(hub, 'work');

    expect(shares).toEqual([10, 10, 10]);
  });

  it('hands nothing to a listener that has left', () => {
    const hub = router();
    const heard: string[] = [];
    const leave = hub.listen('a', undefined, () => heard.push('left'));
    const leaveWild = hub.listen('*', undefined, () => heard.push('left'));
    hub.listen('a', undefined, () => heard.push('stayed'));

    leave();
    leaveWild();

    expect([send(hub, 'a'), heard]).toEqual([1, ['stayed']]);
  });

  it('passes over a listener that leaves while a message is handed out', () => {
    const hub = router();
    const heard: string[] = [];
    hub.listen('a', undefined, () => {
      heard.push('first');
      leave();
    });
    const leave = hub.listen('a', undefined, () => heard.push('second'));

    send(hub, 'a');

    expect(heard).toEqual(['first']);
  });

  it('does not hand a message to a listener that comes while it is handed out', () => {
    const hub = router();
    const heard: string[] = [];
    hub.listen('a', undefined, () => {
      heard.push('first');
      hub.listen('a', undefined, () => heard.push('second'));
    });

    expect([send(hub, 'a'), heard]).toEqual([1, ['first']]);
  });

  it('lets a listener leave once, and no other in its place', () => {
    const hub = router();
    const leave = hub.listen('a', undefined, () => undefined);
    hub.listen('a', undefined, () => undefined);

    leave();
    leave();

    expect(send(hub, 'a')).toBe(1);
  });

  it('knows whether anybody listens at an address itself', () => {
    const hub = router();
    const leave = hub.listen('a', undefined, () => undefined);
    hub.listen('>', undefined, () => undefined);

    expect([hub.heard('a'), hub.heard('b')]).toEqual([true, false]);
    leave();
    expect(hub.heard('a')).toBe(false);
  });

  it('tells once when the last listener of an address has left', () => {
    const hub = router();
    let told = 0;
    const leaves = [1, 2].map(() => hub.listen('a', undefined, () => undefined));
    hub.onceDeserted('a', () => {
      told += 1;
    });

    leaves[0]!();
    expect(told).toBe(0);
    leaves[1]!();
    expect(told).toBe(1);

    hub.listen('a', undefined, () => undefined)();
    expect(told).toBe(1);
  });

  it('tells at once that nobody listens at an address', () => {
    let told = 0;

    router().onceDeserted('a', () => {
      told += 1;
    });

    expect(told).toBe(1);
  });

  it('gives every listener a copy of its own when it is to', () => {
    const copies: (Event | undefined)[] = [];
    const hub = router(copied);
    const event = sample('1');
    for (const pattern of ['a', '*']) hub.listen(pattern, undefined, (message) => copies.push(message.event));

    send(hub, 'a', event);

    expect(copies).toEqual([event, event]);
    expect(new Set([...copies, event]).size).toBe(3);
  });

  it('gives a single listener a copy too, and hands on a message without an event', () => {
    const copies: (Event | undefined)[] = [];
    const hub = router(copied);
    const event = sample('1');
    hub.listen('a', undefined, (message) => copies.push(message.event));

    send(hub, 'a', event);
    hub.route({ address: 'a', event: undefined, headers: {}, reply: undefined });

    expect(copies).toEqual([event, undefined]);
    expect(copies[0]).not.toBe(event);
  });
});
