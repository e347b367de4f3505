import assert from 'node:assert/strict';
import type { SubscriptionInfo } from '../../core/delivery.ts';
import type { Receipt, StartPosition } from '../../core/transport.ts';
import type { ContractCase, ContractContext, ContractSubscription } from './contract-case.ts';
import { ids, open, publish, until, untilDelivered } from './contract-tools.ts';

/** What a transport promises about where a subscription starts. */
export const starting: readonly ContractCase[] = [
  {
    name: 'starts a consumer where it is told to: at all, new, last, a sequence or a time',
    requires: ['durable', 'replay'],
    async run(context) {
      await context.provision(); // for the stream
      await startsAt(context, (from) => context.provision({ from }));
    },
  },
  {
    name: 'starts a subscription without a consumer where it is told to',
    requires: ['durable', 'replay'],
    async run(context) {
      const { stream } = await context.provision();
      await startsAt(context, async (from) => ({ stream, from }));
    },
  },
  {
    name: 'reads a stream without a consumer, filtered, from the start each time that it is opened',
    requires: ['durable', 'replay', 'wildcards'],
    async run(context) {
      const { stream } = await context.provision();
      await publish(context, ['1', '2'], { at: 'orders.paid' });
      await publish(context, ['3'], { at: 'orders.sent' });
      const source = context.transport.subscribe({ stream, filter: `${context.address}.orders.paid` });

      for (const round of ['first', 'second']) {
        const inbox = open(source, (delivery) => delivery.ack());
        await untilDelivered(context, inbox, 2);
        await context.advance(context.lease / 2);
        assert.deepEqual(inbox.ids, ['1', '2'], `in the ${round} round`);
        inbox.close();
      }
    },
  },
  {
    name: 'says when it is open, each time: what is published then comes, though it starts with what is new',
    requires: ['durable', 'replay'],
    async run(context) {
      const { stream, consumer } = await context.provision();
      const seen: SubscriptionInfo[] = [];
      const opened = (subscription: SubscriptionInfo) => seen.push(subscription);
      const sources = [
        context.transport.subscribe({ stream, from: 'new', opened }),
        context.transport.subscribe({ stream, consumer, opened }),
      ];

      for (const [index, source] of [...sources, ...sources].entries()) {
        const inbox = open(source, (delivery) => delivery.ack());
        await until(context, 'the subscription to be open', () => seen.length > index);
        await publish(context, [String(index)]);
        await until(context, 'the delivery', () => inbox.ids.includes(String(index)));
        inbox.close();
      }
      assert.equal(seen.length, 4);
      assert.deepEqual([seen[1]?.stream, seen[1]?.consumer], [stream, consumer]);
      assert.notEqual(seen[1]?.takes?.(`${context.address}.events`), false);
    },
  },
];

async function startsAt(
  context: ContractContext,
  optionsFor: (from: StartPosition) => Promise<ContractSubscription>,
): Promise<void> {
  const receipts: Receipt[] = [];
  for (const id of ids(5)) {
    receipts.push(...(await publish(context, [id])));
    await context.advance(50); // so that each has a time of its own
  }
  const all = open(context.transport.subscribe(await optionsFor('all')));
  await untilDelivered(context, all, 5);
  const sequence = receipts[2]?.sequence ?? -1;
  const time = all.at(2).position?.time ?? Number.NaN;
  const starts: readonly (readonly [StartPosition, readonly string[]])[] = [
    ['all', ['1', '2', '3', '4', '5', '6']],
    ['last', ['5', '6']],
    ['new', ['6']],
    [{ sequence }, ['3', '4', '5', '6']],
    [{ time }, ['3', '4', '5', '6']],
    [{ time: new Date(time).toISOString() }, ['3', '4', '5', '6']],
    [{ time: new Date(time) }, ['3', '4', '5', '6']],
  ];
  const inboxes = [];
  for (const [from, expected] of starts) {
    inboxes.push({ from, expected, inbox: open(context.transport.subscribe(await optionsFor(from))) });
  }
  await context.advance(context.lease / 2);

  await publish(context, ['6']);

  for (const { from, expected, inbox } of inboxes) {
    await untilDelivered(context, inbox, expected.length);
    assert.deepEqual(inbox.ids, expected, `from ${JSON.stringify(from)}`);
  }
}
