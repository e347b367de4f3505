import assert from 'node:assert/strict';
import { type Observable, Subscription } from 'rxjs';
import { constant } from '../../core/backoff.ts';
import type { Event } from '../../core/event.ts';
import { transactionOf } from '../../core/transaction.ts';
import { type EventSource, eventSource } from '../../patterns/events/event-source.ts';
import { type EventHandler, listen } from '../../patterns/events/listen.ts';
import { noResponse } from '../../patterns/events/no-response.ts';
import { requestEvent } from '../../patterns/events/request-event.ts';
import { waitForResponse } from '../../patterns/events/wait-for-response.ts';
import type { ContractCase, ContractContext } from './contract-case.ts';
import { ids, open, outcome, sample, until } from './contract-tools.ts';

/** What holds for events that are responded to, on a transport that stores them. */
export const responding: readonly ContractCase[] = [
  {
    name: 'responds to a stored event with what its handler emits, in its transaction, and then acks it',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      const outcomes = world.listen(() => [
        { type: world.type('paid'), data: 1 },
        { type: world.type('paid'), data: 2, transactionid: 'own' },
      ]);
      const witness = open(context.transport.subscribe({ stream: world.stream, filter: world.type('paid') }));

      await world.publish(sample('1', { type: world.type('order'), transactionid: 'tid-1' }));

      await until(context, 'the responses', () => witness.deliveries.length === 2);
      assert.deepEqual(
        witness.deliveries.map(({ event }) => [event.data, transactionOf(event)]),
        [
          [1, 'tid-1'],
          [2, 'own'],
        ],
      );
      await until(context, 'the outcome', () => outcomes.length === 1);
      assert.deepEqual([outcomes[0]?.kind, outcomes[0]?.delivery.settled], ['succeeded', true]);
      witness.close();
      world.close();
    },
  },
  {
    name: 'handles an event again whose handler failed, and stores its responses once',
    requires: ['durable', 'redelivery', 'delay', 'dedup'],
    async run(context) {
      const world = await openWorld(context);
      const witness = open(context.transport.subscribe({ stream: world.stream, filter: world.type('paid') }));
      const outcomes = world.listen(async function* ({ attempt }) {
        yield { type: world.type('paid') };
        yield { type: world.type('paid') };
        if (attempt < 3) throw new Error('not yet');
      });

      await world.publish(sample('1', { type: world.type('order') }));

      await until(context, 'the last outcome', () => outcomes.length === 3);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['retry', 'retry', 'succeeded'],
      );
      await context.advance(50);
      assert.equal(witness.deliveries.length, 2);
      witness.close();
      world.close();
    },
  },
  {
    name: 'skips an event that nobody handles, and goes on',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context, false);
      const outcomes = world.listen(() => noResponse());

      await world.publish(
        sample('1', { type: world.type('other') }),
        sample('2', { type: world.type('order') }),
        sample('3', { type: world.type('other') }),
      );

      await until(context, '3 outcomes', () => outcomes.length === 3);
      assert.deepEqual([...outcomes].map(({ kind }) => kind).sort(), ['skipped', 'skipped', 'succeeded']);
      assert(
        outcomes.every(({ delivery }) => delivery.settled),
        'one was not acked',
      );
      world.close();
    },
  },
  {
    name: 'answers each of many events with its own response',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      world.listen(({ event }) => ({ type: world.type('paid'), data: event.id }));

      const asked = ids(100).map((id) =>
        outcome(context, requestEvent(world.source, sample(id, { type: world.type('order') }), [world.type('paid')])),
      );

      const responses = (await Promise.all(asked)).flat();
      assert.deepEqual(
        responses.map(({ data }) => data),
        ids(100),
      );
      assert.equal(world.source.size, 0);
      world.close();
    },
  },
  {
    name: 'misses no response, however soon it comes, of any of several types, or several',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      const types = [world.type('paid'), world.type('refused')];
      const order = (id: string) => sample(id, { type: world.type('order') });
      world.listen(({ event }) =>
        event.id === 'both' ? types.map((type) => ({ type })) : { type: world.type(event.id) },
      );

      for (const id of ['paid', 'refused', 'both']) {
        const options = id === 'both' ? { count: 2 } : {};
        const responses = await outcome(context, requestEvent(world.source, order(id), types, options));
        assert.deepEqual(
          responses.map(({ type }) => type),
          id === 'both' ? types : [world.type(id)],
        );
      }
      world.close();
    },
  },
  {
    name: 'waits for the response to an event that was published before',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      const order = sample('1', { type: world.type('order'), transactionid: 'tid-1' });
      await world.publish(order);
      let opened = false;
      const options = { opened: () => (opened = true) };

      const response = outcome(context, waitForResponse(world.source, 'tid-1', [world.type('paid')], options));
      await until(context, 'the subscription', () => opened);
      world.listen(() => ({ type: world.type('paid') }));

      assert.deepEqual((await response).map(transactionOf), ['tid-1']);
      world.close();
    },
  },
  {
    name: 'listens to types and transactions that come and go, each event once',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      const heard: Record<string, string[]> = { a: [], b: [], transaction: [] };
      const hear = async (name: string, source: (opened: () => void) => Observable<Event>) => {
        let isOpen = false;
        const opened = () => (isOpen = true);
        const subscription = source(opened).subscribe(({ id }) => heard[name]?.push(id));
        await until(context, 'the subscription', () => isOpen);
        return subscription;
      };
      const bring = (id: string) =>
        world.publish(
          sample(`${id}a`, { type: world.type('a'), transactionid: 'tid-1' }),
          sample(`${id}b`, { type: world.type('b'), transactionid: 'tid-2' }),
        );

      // What is on its way may reach who comes later: each waits for what was brought before.
      const a = await hear('a', (opened) => world.source.listen({ types: [world.type('a')], opened }));
      await bring('1');
      await until(context, 'the first', () => heard['a']?.includes('1a') === true);
      const b = await hear('b', (opened) => world.source.listen({ types: [world.type('b')], opened }));
      await bring('2');
      await until(
        context,
        'the second',
        () => heard['a']?.includes('2a') === true && heard['b']?.includes('2b') === true,
      );
      const both = await hear('transaction', (opened) => world.source.listen({ transactionId: 'tid-1', opened }));
      await bring('3');
      await until(
        context,
        'the third',
        () => heard['b']?.includes('3b') === true && heard['a']?.includes('3a') === true,
      );
      a.unsubscribe();
      await bring('4');
      await until(
        context,
        'the fourth',
        () => heard['b']?.includes('4b') === true && heard['transaction']?.includes('4a') === true,
      );

      assert.deepEqual(heard, { a: ['1a', '2a', '3a'], b: ['2b', '3b', '4b'], transaction: ['3a', '4a'] });
      b.unsubscribe();
      both.unsubscribe();
      assert.equal(world.source.size, 0);
      world.close();
    },
  },
  {
    name: 'fails those who wait for a response when it is drained',
    requires: ['durable'],
    async run(context) {
      const world = await openWorld(context);
      const order = sample('1', { type: world.type('order') });
      const waiting = outcome(context, requestEvent(world.source, order, [world.type('paid')]));
      const rejection = assert.rejects(waiting, { name: 'SourceClosedError' });
      await context.advance(50);

      await outcome(context, context.transport.drain({ grace: 0 }));

      await rejection;
      world.close();
    },
  },
];

/** A stream, a consumer of its orders, and a source of its responses. */
interface World {
  readonly stream: string;
  readonly source: EventSource;
  type(name: string): string;
  publish(...events: readonly Event[]): Promise<unknown>;
  /** Handles orders, until the world is closed; returns what comes. */
  listen(handler: EventHandler): readonly ListenOutcome[];
  close(): void;
}

type ListenOutcome = ReturnType<typeof listen> extends Observable<infer O> ? O : never;

async function openWorld(context: ContractContext, filtered = true): Promise<World> {
  const type = (name: string) => `${context.address}.${name}`;
  const consumer = await context.provision(filtered ? { filter: type('order') } : {});
  const { stream } = consumer;
  const source = eventSource(context.transport, { stream, linger: 0 });
  const listening = new Subscription();
  return {
    stream,
    source,
    type,
    publish: (...events) => outcome(context, context.transport.publish(events)),
    listen(handler) {
      const outcomes: ListenOutcome[] = [];
      const options = { ...consumer, backoff: constant(20), dedupe: false } as const;
      listening.add(
        listen(context.transport, { [type('order')]: handler }, options).subscribe((one) => outcomes.push(one)),
      );
      return outcomes;
    },
    close() {
      listening.unsubscribe();
      source.close();
    },
  };
}
