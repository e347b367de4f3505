import assert from 'node:assert/strict';
import { take } from 'rxjs';
import type { ContractCase } from './contract-case.ts';
import { ids, open, publish, untilDelivered } from './contract-tools.ts';

/** What a transport promises to those who subscribe to what is stored. */
export const subscribing: readonly ContractCase[] = [
  {
    name: 'opens a subscription with its first subscriber, and not before',
    requires: ['durable'],
    async run(context) {
      const options = await context.provision();
      context.transport.subscribe(options); // had it opened, it would take its share
      const inbox = open(context.transport.subscribe(options));

      await publish(context, ids(10));

      await untilDelivered(context, inbox, 10);
      assert.deepEqual(inbox.ids, ids(10));
    },
  },
  {
    name: 'delivers what was stored before it was opened',
    requires: ['durable'],
    async run(context) {
      const options = await context.provision();
      await publish(context, ids(3));

      const inbox = open(context.transport.subscribe(options));

      await untilDelivered(context, inbox, 3);
      assert.deepEqual(
        inbox.deliveries.map(({ event, attempt, settled }) => [event.id, attempt, settled]),
        [
          ['1', 1, false],
          ['2', 1, false],
          ['3', 1, false],
        ],
      );
    },
  },
  {
    name: 'says where a delivery stands, and what it shares with the others of its subscription',
    requires: ['durable'],
    async run(context) {
      const options = await context.provision({ lease: context.lease, maxDeliver: 5 });
      await publish(context, ids(3));

      const inbox = open(context.transport.subscribe({ ...options, prefetch: 2 }));

      await untilDelivered(context, inbox, 2);
      const [first, second] = [inbox.at(0), inbox.at(1)];
      assert.equal(first.subscription, second.subscription);
      const { stream, consumer, lease, prefetch, maxDeliver, draining } = first.subscription;
      assert.deepEqual(
        { stream, consumer, lease, prefetch, maxDeliver, draining: draining.aborted },
        {
          stream: options.stream,
          consumer: options.consumer,
          lease: context.lease,
          prefetch: 2,
          maxDeliver: 5,
          draining: false,
        },
      );
      assert(first.position !== undefined && second.position !== undefined, 'a stored delivery has a position');
      assert(second.position.sequence > first.position.sequence, 'sequences do not increase');
      assert(second.position.consumerSequence > first.position.consumerSequence, 'consumer sequences do not increase');
      assert(second.position.time >= first.position.time, 'times go back');
    },
  },
  {
    name: 'shares one subscription among its subscribers',
    requires: ['durable'],
    async run(context) {
      const source = context.transport.subscribe(await context.provision());
      const first = open(source);
      const second = open(source);

      await publish(context, ids(5));

      await untilDelivered(context, first, 5);
      assert.equal(second.deliveries.length, 5);
      for (const [index, delivery] of first.deliveries.entries()) assert.equal(second.at(index), delivery);
      first.close();
      await publish(context, ['6']);
      await untilDelivered(context, second, 6);
    },
  },
  {
    name: 'is closed by its last subscriber, and goes on from there when it is opened again',
    requires: ['durable'],
    async run(context) {
      const source = context.transport.subscribe(await context.provision());
      const [first, second] = [open(source, (delivery) => delivery.ack()), open(source)];
      await publish(context, ['1']);
      await untilDelivered(context, first, 1);

      first.close();
      second.close();
      await publish(context, ['2']);
      await context.advance(context.lease);
      assert.deepEqual([...first.ids, ...second.ids], ['1', '1']);

      const reopened = open(source, (delivery) => delivery.ack());
      await untilDelivered(context, reopened, 1);
      assert.deepEqual(reopened.ids, ['2']);
    },
  },
  {
    name: 'shares the deliveries of a consumer among its subscriptions',
    requires: ['durable'],
    async run(context) {
      const options = { ...(await context.provision()), prefetch: 5 };
      const inboxes = [open(context.transport.subscribe(options)), open(context.transport.subscribe(options))] as const;
      await context.advance(context.lease / 10); // both are there before there is anything to take

      await publish(context, ids(10));

      await Promise.all([untilDelivered(context, inboxes[0], 5), untilDelivered(context, inboxes[1], 5)]);
      assert.deepEqual(new Set([...inboxes[0].ids, ...inboxes[1].ids]), new Set(ids(10)));
    },
  },
  {
    name: 'gives each consumer all events',
    requires: ['durable'],
    async run(context) {
      const sources = [await context.provision(), await context.provision()] as const;
      const inboxes = sources.map((options) => open(context.transport.subscribe(options)));

      await publish(context, ids(5));

      for (const inbox of inboxes) {
        await untilDelivered(context, inbox, 5);
        assert.deepEqual(inbox.ids, ids(5));
      }
    },
  },
  {
    name: 'delivers what its consumer filters for, and nothing else',
    requires: ['durable', 'wildcards'],
    async run(context) {
      const { address, transport } = context;
      const one = open(transport.subscribe(await context.provision({ filter: `${address}.orders.*` })));
      const two = open(
        transport.subscribe(await context.provision({ filter: [`${address}.orders.paid`, `${address}.returns.>`] })),
      );

      for (const at of ['orders.paid', 'orders.sent', 'orders.eu.paid', 'returns.eu.paid', 'returns']) {
        await publish(context, [at], { at });
      }

      await untilDelivered(context, one, 2);
      await untilDelivered(context, two, 2);
      await context.advance(context.lease);
      assert.deepEqual(one.ids, ['orders.paid', 'orders.sent']);
      assert.deepEqual(two.ids, ['orders.paid', 'returns.eu.paid']);
    },
  },
  {
    name: 'hands back what it has not emitted when it is unsubscribed, without waiting for the lease',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = { ...(await context.provision()), prefetch: 10 };
      await publish(context, ids(10));
      const first = open(context.transport.subscribe(options).pipe(take(1)), (delivery) => delivery.ack());
      await untilDelivered(context, first, 1);

      const rest = open(context.transport.subscribe(options));

      await untilDelivered(context, rest, 9);
      assert.deepEqual([...rest.ids].sort(byNumber), ids(10).slice(1));
    },
  },
  {
    name: 'refuses options that contradict each other',
    requires: ['durable'],
    async run(context) {
      const { stream, consumer } = await context.provision();
      const { transport, address } = context;
      const contradictions = [
        {},
        { stream, address },
        { stream, consumer, from: 'new' },
        { stream, consumer, filter: `${address}.x` },
        { stream, consumer, queue: 'q' },
        { address, from: 'all' },
      ] as const;

      for (const options of contradictions) {
        assert.throws(() => transport.subscribe(options), TypeError, `took ${JSON.stringify(options)}`);
      }
      for (const prefetch of [0, -1, 1.5, Number.NaN]) {
        assert.throws(
          () => transport.subscribe({ stream, consumer, prefetch }),
          RangeError,
          `took prefetch ${prefetch}`,
        );
      }
    },
  },
  {
    name: 'fails where there is no such stream or consumer, and makes none',
    requires: ['durable'],
    async run(context) {
      const { stream } = await context.provision();
      const missing = [
        [{ stream: 'there-is-no-such-stream', consumer: 'c' }, 'StreamNotFoundError'],
        [{ stream, consumer: 'there-is-no-such-consumer' }, 'ConsumerNotFoundError'],
      ] as const;

      for (const [options, name] of missing) {
        for (const attempt of [1, 2]) {
          const inbox = open(context.transport.subscribe(options));
          for (let waited = 0; inbox.end === undefined && waited < 5_000; waited += 10) await context.advance(10);
          assert.equal(inbox.error instanceof Error && inbox.error.name, name, `attempt ${attempt}`);
        }
      }
    },
  },
];

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b);
}
