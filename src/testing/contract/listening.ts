import assert from 'node:assert/strict';
import type { ContractCase } from './contract-case.ts';
import { ids, named, open, publish, until, untilDelivered } from './contract-tools.ts';

/** What a transport promises to those who listen at an address, where nothing is stored. Queue groups are a sign of one. */
export const listening: readonly ContractCase[] = [
  {
    name: 'hands what is published to all who listen, once each, and to nobody who comes later',
    requires: ['queueGroups'],
    async run(context) {
      const { transport } = context;
      const address = `${context.address}.events`;
      const inboxes = [open(transport.subscribe({ address })), open(transport.subscribe({ address }))];
      await context.advance(20);

      const receipts = await publish(context, ids(3));

      for (const inbox of inboxes) {
        await untilDelivered(context, inbox, 3);
        assert.deepEqual(inbox.ids, ids(3));
      }
      const late = open(transport.subscribe({ address }));
      await context.advance(context.lease / 2);
      assert.deepEqual(late.ids, []);
      assert(
        receipts.every(({ stored, address: at }) => !stored && at === address),
        'a receipt says otherwise',
      );
    },
  },
  {
    name: 'says when it listens: what is published then comes',
    requires: ['queueGroups'],
    async run(context) {
      const { transport } = context;
      const address = `${context.address}.events`;
      let opened = 0;
      const inbox = open(transport.subscribe({ address, opened: () => (opened += 1) }), (delivery) => delivery.ack());
      await until(context, 'the subscription to be open', () => opened === 1);

      await publish(context, ids(1));

      await untilDelivered(context, inbox, 1);
    },
  },
  {
    name: 'listens with its first subscriber, shares, and stops with its last',
    requires: ['queueGroups'],
    async run(context) {
      const address = `${context.address}.events`;
      const source = context.transport.subscribe({ address });
      const witness = open(context.transport.subscribe({ address }));
      await context.advance(20);
      await publish(context, ['before']);
      await untilDelivered(context, witness, 1);

      const inboxes = [open(source), open(source)] as const;
      await context.advance(20);
      await publish(context, ['during']);
      await untilDelivered(context, inboxes[1], 1);
      for (const inbox of inboxes) inbox.close();
      await publish(context, ['after']);
      await untilDelivered(context, witness, 3);
      await context.advance(20);

      assert.deepEqual([inboxes[0].ids, inboxes[1].ids], [['during'], ['during']]);
      assert.equal(inboxes[0].at(0), inboxes[1].at(0));
    },
  },
  {
    name: 'settles what it cannot redeliver: once, with one attempt and no position',
    requires: ['queueGroups'],
    async run(context) {
      const address = `${context.address}.events`;
      const inbox = open(context.transport.subscribe({ address }));
      await context.advance(20);
      await publish(context, ['1', '2', '3'], { headers: { 'x-note': 'kept' } });
      await untilDelivered(context, inbox, 3);

      const [first, second, third] = [inbox.at(0), inbox.at(1), inbox.at(2)];
      assert.deepEqual([first.attempt, first.position, first.subscription.maxDeliver], [1, undefined, 1]);
      assert.deepEqual([first.address, first.headers['x-note']], [address, 'kept']);
      assert.deepEqual([first.ack(), second.nak(), third.term()], [true, true, true]);
      assert.deepEqual([first.nak(), second.ack(), third.ack(), first.settled], [false, false, false, true]);
      await context.advance(context.lease * 2);
      assert.deepEqual(inbox.ids, ['1', '2', '3']);
    },
  },
  {
    name: 'hands over no more than prefetch at a time, and the rest as they are settled',
    requires: ['queueGroups'],
    async run(context) {
      const inbox = open(context.transport.subscribe({ address: `${context.address}.events`, prefetch: 2 }));
      await context.advance(20);

      await publish(context, ids(5));

      for (let settled = 0; settled < 4; settled++) {
        await untilDelivered(context, inbox, Math.min(5, 2 + settled));
        inbox.at(settled).ack();
      }
      await untilDelivered(context, inbox, 5);
      assert.deepEqual(inbox.ids, ids(5));
    },
  },
  {
    name: 'listens with wildcards',
    requires: ['queueGroups', 'wildcards'],
    async run(context) {
      const { transport, address } = context;
      const star = open(transport.subscribe({ address: `${address}.*.paid` }));
      const more = open(transport.subscribe({ address: `${address}.orders.>` }));
      await context.advance(20);

      for (const at of ['orders.paid', 'returns.paid', 'orders.eu.paid', 'orders.sent'])
        await publish(context, [at], { at });

      await untilDelivered(context, star, 2);
      await untilDelivered(context, more, 3);
      assert.deepEqual(star.ids, ['orders.paid', 'returns.paid']);
      assert.deepEqual(more.ids, ['orders.paid', 'orders.eu.paid', 'orders.sent']);
      assert.equal(more.at(1).address, `${address}.orders.eu.paid`);
    },
  },
  {
    name: 'gives each event to one member of a queue group, and to each group',
    requires: ['queueGroups'],
    async run(context) {
      const address = `${context.address}.events`;
      const listen = (queue: string) => open(context.transport.subscribe({ address, queue }));
      const group = [listen('workers'), listen('workers'), listen('workers')];
      const other = listen('others');
      await context.advance(20);

      await publish(context, ids(60));

      await untilDelivered(context, other, 60);
      await context.advance(20);
      assert.deepEqual(other.ids, ids(60));
      const shared = group.flatMap((inbox) => inbox.ids);
      assert.deepEqual(shared.length, 60);
      assert.deepEqual(new Set(shared), new Set(ids(60)));
      assert(
        group.every((inbox) => inbox.ids.length > 0),
        'a member got nothing',
      );
    },
  },
  {
    name: 'passes over members of a queue group that have left',
    requires: ['queueGroups'],
    async run(context) {
      const address = `${context.address}.events`;
      const listen = () => open(context.transport.subscribe({ address, queue: 'workers' }));
      const [leaving, staying] = [listen(), listen()];
      await context.advance(20);
      leaving.close();
      await context.advance(20);

      await publish(context, ids(10));

      await untilDelivered(context, staying, 10);
      assert.deepEqual(leaving.ids, []);
    },
  },
  {
    name: 'refuses to listen at an address that is not valid',
    requires: ['queueGroups'],
    async run(context) {
      for (const address of ['', 'a b', 'a..b', 'a.>.b', 'a.b*']) {
        assert.throws(
          () => context.transport.subscribe({ address }),
          named('InvalidAddressError'),
          `took the address '${address}'`,
        );
      }
    },
  },
];
