import assert from 'node:assert/strict';
import type { Delivery } from '../../core/delivery.ts';
import type { ContractCase } from './contract-case.ts';
import { ids, open, publish, untilDelivered } from './contract-tools.ts';

const MANY = 10_000;

/** What a transport promises about demand. */
export const demand: readonly ContractCase[] = [
  {
    name: 'has never more than prefetch deliveries unsettled, and frees demand by any settlement',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const inbox = open(context.transport.subscribe({ ...(await context.provision()), prefetch: 3 }));
      await publish(context, ids(10));
      const settle: readonly ((delivery: Delivery) => void)[] = [
        (delivery) => delivery.ack(),
        (delivery) => delivery.nak(context.lease * 100),
        (delivery) => delivery.term(),
      ];

      for (let settled = 0; settled < 7; settled++) {
        await untilDelivered(context, inbox, 3 + settled);
        await context.advance(context.lease / 2);
        assert.equal(inbox.deliveries.filter((delivery) => !delivery.settled).length, 3);
        settle[settled % 3]?.(inbox.at(settled));
      }

      await untilDelivered(context, inbox, 10);
      assert.deepEqual(inbox.ids, ids(10));
    },
  },
  {
    name: 'frees demand when a lease is lost',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = { ...(await context.provision({ lease: context.lease })), prefetch: 1 };
      const inbox = open(context.transport.subscribe(options));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);

      await untilDelivered(context, inbox, 2);

      assert.equal(inbox.at(1).attempt, 2);
      assert.equal(inbox.at(1).ack(), true);
    },
  },
  {
    name: 'has never more than the consumer allows unsettled, whatever the prefetch of its subscriptions',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const options = { ...(await context.provision({ maxAckPending: 4 })), prefetch: 3 };
      const inboxes = [open(context.transport.subscribe(options)), open(context.transport.subscribe(options))];
      const all = () => inboxes.flatMap(({ deliveries }) => deliveries);

      await publish(context, ids(20));
      for (let done = 0; done < 20; done++) {
        await context.advance(context.lease / 10);
        const unsettled = all().filter(({ settled }) => !settled);
        assert(unsettled.length <= 4, `${unsettled.length} deliveries are unsettled`);
        unsettled[0]?.ack();
      }
      for (let round = 0; all().length < 20 && round < 100; round++) {
        for (const delivery of all()) delivery.ack();
        await context.advance(context.lease / 10);
      }

      assert.equal(all().length, 20);
    },
  },
  {
    name: 'does not recurse when deliveries are settled as they come, however many there are',
    requires: ['durable'],
    async run(context) {
      const options = await context.provision();
      await publish(context, ids(MANY));

      for (const prefetch of [1, 256]) {
        let depth = 0;
        let deepest = 0;
        const source = context.transport.subscribe({
          ...(prefetch === 1 ? options : await context.provision()),
          prefetch,
        });
        const inbox = open(source, (delivery) => {
          deepest = Math.max(deepest, ++depth);
          delivery.ack();
          depth--;
        });

        await untilDelivered(context, inbox, MANY, 120_000);
        assert.equal(deepest, 1, 'a delivery came while another was being handed over');
        assert.deepEqual(inbox.ids, ids(MANY));
        inbox.close();
      }
    },
  },
];
