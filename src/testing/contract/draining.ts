import assert from 'node:assert/strict';
import { Observable } from 'rxjs';
import type { DrainReport } from '../../core/transport.ts';
import type { ContractCase } from './contract-case.ts';
import { ids, messenger, named, open, outcome, publish, sample, until, untilDelivered } from './contract-tools.ts';

/** What a transport promises about its end. */
export const draining: readonly ContractCase[] = [
  {
    name: 'drains nothing at once, and says so',
    async run(context) {
      const [report] = await outcome(context, context.transport.drain());

      assert(report !== undefined, 'no report');
      assert.equal(report.received, 0);
      addsUp(report);
    },
  },
  {
    name: 'accounts for every delivery: settled, returned, expired or abandoned',
    requires: ['durable', 'redelivery', 'delay'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe({ ...(await context.provision()), prefetch: 20 }), (delivery) => {
        const { draining } = delivery.subscription;
        if (Number(delivery.event.id) > 7 && Number(delivery.event.id) <= 10) {
          draining.addEventListener('abort', () => delivery.nak(0));
        }
      });
      await publish(context, ids(12));
      await untilDelivered(context, inbox, 12);
      for (const index of [0, 1, 2]) inbox.at(index).ack();
      for (const index of [3, 4]) inbox.at(index).nak(lease * 1_000);
      for (const index of [5, 6]) inbox.at(index).term('poison');

      const [report] = await outcome(context, transport.drain({ grace: lease / 2 }));

      assert(report !== undefined, 'no report');
      const { elapsedMs, ...counts } = report;
      assert.deepEqual(counts, {
        received: 12,
        acked: 3,
        naked: 2,
        termed: 2,
        returned: 3,
        expired: 0,
        abandoned: 2,
        late: 0,
      });
      assert(elapsedMs >= lease * 0.4, `it took ${elapsedMs} ms, less than the grace`);
      assert.deepEqual([inbox.at(10).signal.aborted, inbox.at(11).signal.aborted], [true, true]);
      assert.equal(inbox.end, 'completed');
    },
  },
  {
    name: 'accounts for leases that were lost, and for settlements that came late',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe(await context.provision({ lease })));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      await until(context, 'the lease to be lost', () => inbox.at(0).signal.aborted);
      await untilDelivered(context, inbox, 2);
      inbox.at(0).nak();
      inbox.at(1).ack();

      const [report] = await outcome(context, transport.drain());

      assert(report !== undefined, 'no report');
      const { received, acked, expired, late } = report;
      assert.deepEqual({ received, acked, expired, late }, { received: 2, acked: 1, expired: 1, late: 1 });
      addsUp(report);
    },
  },
  {
    name: 'accounts for a late ack as an ack',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe(await context.provision({ lease })));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      await until(context, 'the lease to be lost', () => inbox.at(0).signal.aborted);
      await untilDelivered(context, inbox, 2);
      inbox.at(0).ack();
      inbox.at(1).ack(); // which the first ack may have settled already

      const [report] = await outcome(context, transport.drain());

      assert(report !== undefined, 'no report');
      const { received, acked, expired, late } = report;
      assert.deepEqual({ received, acked, expired, late }, { received: 2, acked: 2, expired: 0, late: 1 });
      addsUp(report);
    },
  },
  {
    name: 'takes nothing new, and waits for what is being handled, but no longer',
    requires: ['durable', 'redelivery'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe({ ...(await context.provision()), prefetch: 2 }));
      await publish(context, ids(5));
      await untilDelivered(context, inbox, 2);
      const reports: DrainReport[] = [];

      transport.drain({ grace: lease * 100 }).subscribe((report) => reports.push(report));
      await until(context, 'the draining signal', () => inbox.at(0).subscription.draining.aborted);
      inbox.at(0).ack();
      await context.advance(lease / 2);
      assert.equal(reports.length, 0, 'it did not wait for the handler');
      assert.equal(inbox.at(1).signal.aborted, false);
      inbox.at(1).ack();

      await until(context, 'the report', () => reports.length > 0);
      assert.deepEqual(inbox.ids, ['1', '2']);
      assert.deepEqual([reports[0]?.received, reports[0]?.acked], [2, 2]);
    },
  },
  {
    name: 'drains once: a second call joins the first',
    requires: ['durable'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      const reports: DrainReport[] = [];

      transport.drain({ grace: lease / 2 }).subscribe((report) => reports.push(report));
      transport.drain({ grace: lease * 1_000 }).subscribe((report) => reports.push(report));
      await until(context, 'both reports', () => reports.length === 2);
      const [third] = await outcome(context, transport.drain());

      assert.deepEqual(reports[1], reports[0]);
      assert.deepEqual(third, reports[0]);
    },
  },
  {
    name: 'brings the end of a drain forward for a later call with a shorter grace',
    requires: ['durable'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      await publish(context, ['1']);
      await untilDelivered(context, inbox, 1);
      const reports: DrainReport[] = [];

      transport.drain({ grace: lease * 1_000 }).subscribe((report) => reports.push(report));
      transport.drain().subscribe((report) => reports.push(report));
      transport.drain({ grace: 0 }).subscribe((report) => reports.push(report));
      await until(context, 'all reports', () => reports.length === 3);

      assert.deepEqual([reports[0]?.received, reports[0]?.abandoned], [1, 1]);
      assert.deepEqual([reports[1], reports[2]], [reports[0], reports[0]]);
      assert(inbox.at(0).signal.aborted, 'it was not aborted');
    },
  },
  {
    name: 'publishes as long as it is told to stay open',
    requires: ['durable'],
    async run(context) {
      const { transport, lease } = context;
      const inbox = open(transport.subscribe(await context.provision()));
      const reports: DrainReport[] = [];
      let elsewhere: () => void = () => undefined;
      const openUntil = new Observable<void>((subscriber) => {
        elsewhere = () => subscriber.next();
      });

      transport.drain({ grace: lease * 1_000, openUntil }).subscribe((report) => reports.push(report));
      await publish(context, ['1']);
      assert.deepEqual([reports.length, inbox.end, inbox.ids], [0, 'completed', []]);
      elsewhere();
      await until(context, 'the report', () => reports.length > 0);

      await assert.rejects(publish(context, ['2']), named('TransportClosedError'));
    },
  },
  {
    name: 'does not drain until it is subscribed to',
    requires: ['durable'],
    async run(context) {
      const inbox = open(context.transport.subscribe(await context.provision()));

      context.transport.drain();
      await publish(context, ['1']);

      await untilDelivered(context, inbox, 1);
      assert.equal(inbox.at(0).subscription.draining.aborted, false);
    },
  },
  {
    name: 'refuses everything once it is closed, and says that it is',
    requires: ['durable'],
    async run(context) {
      const { transport } = context;
      const options = await context.provision();
      const kinds: string[] = [];
      let completed = false;
      transport.status$.subscribe({
        next: ({ kind }) => kinds.push(kind),
        complete: () => {
          completed = true;
        },
      });

      await outcome(context, transport.drain());

      await until(context, 'the end of the status', () => completed);
      assert.deepEqual(
        kinds.filter((kind) => kind === 'draining' || kind === 'closed'),
        ['draining', 'closed'],
      );
      const address = `${context.address}.events`;
      await assert.rejects(
        outcome(context, transport.publish(sample('1'), { address })),
        named('TransportClosedError'),
      );
      await assert.rejects(outcome(context, transport.subscribe(options)), named('TransportClosedError'));
    },
  },
  {
    name: 'refuses requests once it is closed',
    requires: ['requestReply'],
    async run(context) {
      await outcome(context, context.transport.drain());

      const question = messenger(context).request(sample('1'), { address: `${context.address}.questions` });

      await assert.rejects(outcome(context, question), named('TransportClosedError'));
    },
  },
];

function addsUp({ received, acked, naked, termed, returned, expired, abandoned }: DrainReport): void {
  assert.equal(received, acked + naked + termed + returned + expired + abandoned, 'the report does not add up');
}
