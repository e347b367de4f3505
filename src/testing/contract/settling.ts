import assert from 'node:assert/strict';
import type { Delivery } from '../../core/delivery.ts';
import type { ContractCase } from './contract-case.ts';
import { ids, named, open, outcome, publish, until, untilDelivered } from './contract-tools.ts';

/** Time, in leases, after which what was to come again has come. */
const LONG = 2.5;

/** What a transport promises about settlement, redelivery and leases. */
export const settling: readonly ContractCase[] = [
  {
    name: 'lets the first settlement win',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['ack', 'nak', 'term']);
      await untilDelivered(context, inbox, 3);
      const [acked, naked, termed] = [inbox.at(0), inbox.at(1), inbox.at(2)];

      assert.deepEqual([acked.ack(), naked.nak(), termed.term('because')], [true, true, true]);

      for (const delivery of [acked, naked, termed]) {
        assert.equal(delivery.settled, true);
        assert.deepEqual([delivery.ack(), delivery.nak(), delivery.term()], [false, false, false]);
      }
      await until(context, 'the redelivery', () => inbox.deliveries.length > 3);
      inbox.at(3).ack();
      await context.advance(context.lease * LONG);
      assert.deepEqual(inbox.ids, ['ack', 'nak', 'term', 'nak']);
    },
  },
  {
    name: 'does not deliver again what was acked',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = await context.provision({ lease: context.lease });
      const inbox = open(context.transport.subscribe(options), (delivery) => delivery.ack());
      await publish(context, ids(3));
      await untilDelivered(context, inbox, 3);

      await context.advance(context.lease * LONG);

      assert.deepEqual(inbox.ids, ids(3));
      assert(
        inbox.deliveries.every(({ signal }) => !signal.aborted),
        'a signal was aborted after the ack',
      );
    },
  },
  {
    name: 'delivers at once what was handed back, as the next attempt at the same position',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = await context.provision();
      const inbox = open(context.transport.subscribe(options), (delivery) =>
        delivery.attempt < 3 ? delivery.nak() : delivery.ack(),
      );

      await publish(context, ['1']);

      await untilDelivered(context, inbox, 3);
      const [first, second, third] = [inbox.at(0), inbox.at(1), inbox.at(2)];
      assert.deepEqual([first.attempt, second.attempt, third.attempt], [1, 2, 3]);
      assert.equal(second.position?.sequence, first.position?.sequence);
      assert.equal(third.position?.time, first.position?.time);
      assert.notEqual(second.position?.consumerSequence, first.position?.consumerSequence);
      assert.deepEqual({ ...third.event }, { ...first.event });
    },
  },
  {
    name: 'delivers after its delay what was handed back for later, and not before',
    requires: ['durable', 'redelivery', 'delay'],
    async run(context) {
      const delay = context.lease;
      const inbox = open(context.transport.subscribe(await context.provision()));
      await publish(context, ['1', '2']);
      await untilDelivered(context, inbox, 2);

      inbox.at(0).nak(delay);
      inbox.at(1).nak(delay * 2);

      await context.advance(delay * 0.7);
      assert.deepEqual(inbox.ids, ['1', '2'], 'it came before its delay was over');
      await untilDelivered(context, inbox, 3, delay);
      await context.advance(delay * 0.4);
      assert.deepEqual(inbox.ids, ['1', '2', '1'], 'it came before its delay was over');
      await untilDelivered(context, inbox, 4, delay);
      assert.deepEqual([inbox.at(2).attempt, inbox.at(3).attempt], [2, 2]);
    },
  },
  {
    name: 'never delivers again what was given up',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = await context.provision({ lease: context.lease });
      const inbox = open(context.transport.subscribe(options), (delivery) => delivery.term('poison'));
      await publish(context, ids(2));
      await untilDelivered(context, inbox, 2);

      await context.advance(context.lease * LONG);

      assert.deepEqual(inbox.ids, ids(2));
    },
  },
  {
    name: 'delivers again what nobody settled, when its lease is over, and aborts its signal',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      const { signal } = inbox.at(0);

      await context.advance(context.lease * 0.5);
      assert.equal(inbox.deliveries.length, 1, 'it came before the lease was over');
      assert.equal(signal.aborted, false, 'the signal was aborted before the lease was over');

      await untilDelivered(context, inbox, 2);
      assert.equal(inbox.at(1).attempt, 2);
      await until(context, 'the signal', () => signal.aborted, context.lease);
      named('LeaseLostError')(signal.reason);
      assert.deepEqual([inbox.at(0).settled, inbox.at(0).lost, inbox.at(1).lost ?? false], [false, true, false]);
    },
  },
  {
    name: 'takes an ack after the lease was lost: the work is done',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      await until(context, 'the lease to be lost', () => inbox.at(0).signal.aborted);
      await untilDelivered(context, inbox, 2);

      assert.equal(inbox.at(0).ack(), true);

      assert.deepEqual([inbox.at(0).settled, inbox.at(0).ack()], [true, false]);
      await context.advance(context.lease * LONG);
      assert.equal(inbox.deliveries.length, 2, 'it came again after the ack');
    },
  },
  {
    name: 'refuses a nak or a term after the lease was lost: somebody else may be at it',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['1', '2']);
      await untilDelivered(context, inbox, 2);
      const [first, second] = [inbox.at(0), inbox.at(1)];
      await until(context, 'the leases to be lost', () => first.signal.aborted && second.signal.aborted);
      await untilDelivered(context, inbox, 4);

      assert.deepEqual([first.nak(), second.term()], [false, false]);

      assert.deepEqual([first.settled, second.settled], [false, false]);
      await untilDelivered(context, inbox, 6);
      assert.deepEqual([inbox.at(4).attempt, inbox.at(5).attempt], [3, 3]);
    },
  },
  {
    name: 'keeps the lease as long as the work is said to go on',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      const delivery = inbox.at(0);

      for (let third = 0; third < 9; third++) {
        await context.advance(context.lease / 3);
        delivery.working();
      }

      assert.equal(delivery.signal.aborted, false);
      assert.equal(inbox.deliveries.length, 1, 'it came again while it was worked on');
      assert.equal(delivery.ack(), true);
      delivery.working(); // says nothing any more
      await context.advance(context.lease * LONG);
      assert.equal(inbox.deliveries.length, 1, 'it came again after the ack');
    },
  },
  {
    name: 'gives a delivery up after its last attempt',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = await context.provision({ maxDeliver: 2 });
      const inbox = open(context.transport.subscribe(options), (delivery) =>
        delivery.attempt < 10 ? delivery.nak() : delivery.ack(),
      );

      await publish(context, ['1']);

      await untilDelivered(context, inbox, 2);
      await context.advance(context.lease * LONG);
      assert.deepEqual(
        inbox.deliveries.map(({ attempt }) => attempt),
        [1, 2],
      );
    },
  },
  {
    name: 'confirms an ack, when it is subscribed to and the broker has it',
    requires: ['durable', 'redelivery', 'confirm'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision({ lease: context.lease })));
      await publish(context, ['1', '2', '3']);
      await untilDelivered(context, inbox, 3);
      const [confirmed, naked, idle] = [inbox.at(0), inbox.at(1), inbox.at(2)];

      idle.confirm(); // not subscribed to
      await outcome(context, confirmed.confirm());

      assert.deepEqual([confirmed.settled, confirmed.ack(), idle.settled], [true, false, false]);
      naked.nak(context.lease * 100);
      await assert.rejects(outcome(context, naked.confirm()), named('ConfirmFailedError'));
      await context.advance(context.lease * 1.5);
      assert.deepEqual(inbox.ids, ['1', '2', '3', '3']);
    },
  },
  {
    name: 'aborts the signal of a run that is given up, and leaves it to be settled',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision()));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      const delivery: Delivery = inbox.at(0);
      const reason = new Error('given up');

      delivery.abort(reason);

      assert.deepEqual([delivery.signal.aborted, delivery.settled, delivery.lost ?? false], [true, false, false]);
      assert.equal(delivery.signal.reason, reason);
      assert.equal(delivery.nak(), true);
      await untilDelivered(context, inbox, 2);
      assert.equal(inbox.at(1).signal.aborted, false);
    },
  },
];
