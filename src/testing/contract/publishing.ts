import assert from 'node:assert/strict';
import { AUTO_POPULATE, type Event } from '../../core/event.ts';
import type { ContractCase } from './contract-case.ts';
import { named, open, outcome, publish, sample, until, untilDelivered } from './contract-tools.ts';

/** What a transport promises to those who publish. */
export const publishing: readonly ContractCase[] = [
  {
    name: 'publishes nothing until subscribed, and anew for each subscriber',
    requires: ['durable'],
    async run(context) {
      const { transport, address } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      const publishOnce = transport.publish(sample('1'), { address: `${address}.events`, messageId: false });
      await context.advance(context.lease);
      assert.deepEqual(inbox.ids, []);

      await outcome(context, publishOnce);
      await outcome(context, publishOnce);

      await untilDelivered(context, inbox, 2);
    },
  },
  {
    name: 'gives a receipt for each event, in order, with the stream and the sequence that its delivery has',
    requires: ['durable'],
    async run(context) {
      const options = await context.provision();
      const inbox = open(context.transport.subscribe(options));

      const receipts = await publish(context, ['1', '2', '3']);

      await untilDelivered(context, inbox, 3);
      assert.deepEqual(inbox.ids, ['1', '2', '3']);
      for (const [index, receipt] of receipts.entries()) {
        const { position, address } = inbox.at(index);
        assert.equal(receipt.stored, true);
        assert.equal(receipt.duplicate, false);
        assert.equal(receipt.address, `${context.address}.events`);
        assert.equal(address, receipt.address);
        assert.deepEqual(
          [receipt.stream, receipt.sequence],
          [options.stream, position?.sequence],
          'the receipt and the delivery differ',
        );
        assert.equal(position?.stream, options.stream);
      }
      const sequences = receipts.map(({ sequence }) => sequence ?? 0);
      assert.deepEqual(
        sequences,
        [...new Set(sequences)].sort((a, b) => a - b),
        'sequences do not increase',
      );
    },
  },
  {
    name: 'publishes an empty list without a receipt',
    async run(context) {
      assert.deepEqual(await outcome(context, context.transport.publish([])), []);
    },
  },
  {
    name: 'delivers an event as it was published: attributes, data and headers',
    requires: ['durable'],
    async run(context) {
      const events: readonly Event[] = [
        sample('plain'),
        sample('extended', { subject: 'customer/7', transactionid: 't-1', answer: 42, flag: true }),
        sample('precise', { time: '2026-01-02T03:04:05.123456789+02:00', dataschema: 'https://example.com/schema' }),
        ...[null, 0, false, '', 'text', [1, [2]], { nested: { ключ: 'значение 🚂' } }].map((data, index) =>
          sample(`data-${index}`, { data }),
        ),
        { specversion: '1.0', id: 'bare', source: '/contract', type: 'contract.bare' },
      ];
      const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-note': 'a: b; c=d' };
      const inbox = open(context.transport.subscribe(await context.provision()));

      await outcome(context, context.transport.publish(events, { address: `${context.address}.events`, headers }));

      await untilDelivered(context, inbox, events.length);
      for (const [index, event] of events.entries()) {
        const delivery = inbox.at(index);
        assert.deepEqual({ ...delivery.event }, { ...event });
        for (const [name, value] of Object.entries(headers)) assert.equal(delivery.headers[name], value);
      }
    },
  },
  {
    name: 'fills in the source that is left to it, and leaves the event as it was',
    requires: ['durable'],
    async run(context) {
      const { transport } = context;
      const event = Object.freeze(sample('1', { source: AUTO_POPULATE }));
      const inbox = open(transport.subscribe(await context.provision()));

      await outcome(context, transport.publish(event, { address: `${context.address}.events` }));

      await untilDelivered(context, inbox, 1);
      assert.equal(inbox.at(0).event.source, transport.name);
      assert.equal(event.source, AUTO_POPULATE);
    },
  },
  {
    name: 'refuses an event that is not valid, and stores none of its batch',
    requires: ['durable'],
    async run(context) {
      const { transport, address } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      const invalid = [{ id: '' }, { type: '' }, { source: 'not a uri' }, { specversion: '0.3' }, { time: 'noon' }];

      for (const attributes of invalid) {
        const batch = [sample('valid'), sample('invalid', attributes)];
        const result = outcome(context, transport.publish(batch, { address: `${address}.events` }));
        await assert.rejects(result, named('InvalidEventError'));
      }

      await context.advance(context.lease);
      assert.deepEqual(inbox.ids, []);
    },
  },
  {
    name: 'refuses an address that is not valid, or that has wildcards',
    async run(context) {
      for (const address of ['', 'a b', 'a..b', '.a', 'a.', `${context.address}.*`, `${context.address}.>`]) {
        const result = outcome(context, context.transport.publish(sample('1'), { address }));
        await assert.rejects(result, named('InvalidAddressError'), `took the address '${address}'`);
      }
    },
  },
  {
    name: 'maps an event to its address, and to its message id',
    requires: ['durable', 'dedup'],
    async run(context) {
      const { transport, address } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      const options = {
        address: (event: Event) => `${address}.by-id.${event.id}`,
        messageId: (event: Event) => `${event.id}!`,
      };

      const receipts = await outcome(context, transport.publish([sample('a'), sample('b'), sample('a')], options));

      await untilDelivered(context, inbox, 2);
      assert.deepEqual(
        receipts.map(({ address: at, duplicate }) => [at, duplicate]),
        [
          [`${address}.by-id.a`, false],
          [`${address}.by-id.b`, false],
          [`${address}.by-id.a`, true],
        ],
      );
    },
  },
  {
    name: 'recognises an event that it has stored already, by source and id or by the message id',
    requires: ['durable', 'dedup'],
    async run(context) {
      const { transport } = context;
      const address = `${context.address}.events`;
      const inbox = open(transport.subscribe(await context.provision()));
      const send = async (id: string, messageId?: string | false) => {
        const options = messageId === undefined ? { address } : { address, messageId };
        const [receipt] = await outcome(context, transport.publish(sample(id), options));
        assert(receipt !== undefined, 'no receipt');
        return receipt;
      };

      const first = await send('1');
      const other = await send('2', 'my-id');
      const again = await send('1');
      const otherAgain = await send('3', 'my-id');
      const without = await send('1', false);

      assert.deepEqual([first.duplicate, again.duplicate, again.sequence], [false, true, first.sequence]);
      assert.deepEqual([other.duplicate, otherAgain.duplicate, otherAgain.sequence], [false, true, other.sequence]);
      assert.equal(without.duplicate, false);
      await untilDelivered(context, inbox, 3);
      await context.advance(context.lease);
      assert.deepEqual(inbox.ids, ['1', '2', '1']);
    },
  },
  {
    name: 'refuses a publish that expects another state of the stream, and stores nothing',
    requires: ['durable', 'expectations'],
    async run(context) {
      const { stream, ...options } = await context.provision();
      const inbox = open(context.transport.subscribe({ stream, ...options }));
      const refused = (expect: object) =>
        assert.rejects(
          publish(context, ['refused'], { expect }),
          named('WrongSequenceError'),
          `took ${JSON.stringify(expect)}`,
        );

      await refused({ lastSequence: 7 });
      const [first] = await publish(context, ['1'], { expect: { lastSequence: 0, lastAddressSequence: 0, stream } });
      await refused({ lastSequence: 0 });
      await refused({ lastAddressSequence: 0 });
      const [second] = await publish(context, ['2'], { at: 'others', expect: { lastAddressSequence: 0 } });
      await publish(context, ['3'], { expect: { lastAddressSequence: first?.sequence ?? -1 } });
      await refused({ lastSequence: second?.sequence ?? -1 });

      await untilDelivered(context, inbox, 3);
      await context.advance(context.lease);
      assert.deepEqual(inbox.ids, ['1', '2', '3']);
    },
  },
  {
    name: 'says what was expected and what is, when a publish expects another sequence',
    requires: ['durable', 'expectations'],
    async run(context) {
      await context.provision();
      await publish(context, ['1', '2']);

      const result = publish(context, ['3'], { expect: { lastSequence: 1 } });

      await assert.rejects(result, { name: 'WrongSequenceError', outcome: 'refused', expected: 1, actual: 2 });
    },
  },
  {
    name: 'tells at once that it is connected',
    async run(context) {
      let first: string | undefined;
      const subscription = context.transport.status$.subscribe(({ kind }) => {
        first ??= kind;
      });

      await until(context, 'a status', () => first !== undefined);
      subscription.unsubscribe();

      assert.equal(first, 'connected');
    },
  },
];
