import assert from 'node:assert/strict';
import { take } from 'rxjs';
import type { Event } from '../../core/event.ts';
import type { Status } from '../../core/status.ts';
import type { IncomingRequest, ResponderNotice } from '../../core/transport.ts';
import type { ContractCase, ContractContext } from './contract-case.ts';
import { ids, messenger, named, outcome, sample, until } from './contract-tools.ts';

/** What a transport promises to those who ask, and to those who answer. */
export const requesting: readonly ContractCase[] = [
  {
    name: 'answers a request with one reply, and completes',
    requires: ['requestReply'],
    async run(context) {
      const seen = await respond(context, (request) => request.reply(sample(`re-${request.event.id}`)));
      const { request } = messenger(context);
      const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

      const replies = await outcome(context, request(sample('1'), { address: at(context), headers }));

      assert.deepEqual(idsOf(replies), ['re-1']);
      assert.deepEqual({ ...seen[0]?.event }, { ...sample('1') });
      assert.equal(seen[0]?.address, at(context));
      assert.equal(seen[0]?.headers['traceparent'], headers.traceparent);
    },
  },
  {
    name: 'asks when it is subscribed to, and anew for each subscriber',
    requires: ['requestReply'],
    async run(context) {
      const seen = await respond(context, (request) => request.reply(sample('reply')));
      const question = messenger(context).request(sample('1'), { address: at(context) });
      await context.advance(20);
      assert.equal(seen.length, 0);

      await outcome(context, question);
      await outcome(context, question);

      assert.equal(seen.length, 2);
    },
  },
  {
    name: 'answers with many replies, until the end',
    requires: ['requestReply'],
    async run(context) {
      await respond(context, (request) => {
        for (const id of ids(100)) request.reply(sample(id));
        request.end();
        request.reply(sample('too late'));
      });

      const many = messenger(context).request(sample('1'), { address: at(context), many: true });

      assert.deepEqual(idsOf(await outcome(context, many)), ids(100));
    },
  },
  {
    name: 'answers with no reply at all',
    requires: ['requestReply'],
    async run(context) {
      await respond(context, (request) => request.end());

      const many = messenger(context).request(sample('1'), { address: at(context), many: true });

      assert.deepEqual(await outcome(context, many), []);
    },
  },
  {
    name: 'answers many requests at a time, each with its own',
    requires: ['requestReply'],
    async run(context) {
      const seen = await respond(context, () => undefined);
      const { request } = messenger(context);
      const pending = ids(50).map((id) => outcome(context, request(sample(id), { address: at(context) })));
      await until(context, '50 requests', () => seen.length === 50);

      for (const incoming of [...seen].reverse()) incoming.reply(sample(`re-${incoming.event.id}`));

      const replies = (await Promise.all(pending)).flatMap(idsOf);
      assert.deepEqual(
        replies,
        ids(50).map((id) => `re-${id}`),
      );
    },
  },
  {
    name: 'fails at once where nobody responds',
    requires: ['requestReply'],
    async run(context) {
      const question = messenger(context).request(sample('1'), { address: at(context), timeout: 60_000 });

      await assert.rejects(outcome(context, question), named('NoRespondersError'));
    },
  },
  {
    name: 'fails when no reply comes in time, the first or a later one',
    requires: ['requestReply'],
    async run(context) {
      const timeout = 200;
      await respond(context, (request) => request.event.id === 'starts' && request.reply(sample('first')));
      const { request } = messenger(context);
      const emitted: string[] = [];
      const ask = (id: string) => request(sample(id), { address: at(context), timeout, many: true });
      let error: unknown;

      await assert.rejects(outcome(context, ask('silent')), { name: 'RequestTimeoutError', timeout });
      ask('starts').subscribe({
        next: ({ id }) => emitted.push(id),
        error: (reason) => {
          error = reason;
        },
      });
      await until(context, 'the timeout', () => error !== undefined);

      assert.deepEqual(emitted, ['first']);
      named('RequestTimeoutError')(error);
    },
  },
  {
    name: 'passes on the code and the message of a responder that fails',
    requires: ['requestReply'],
    async run(context) {
      await respond(context, (request) => request.fail('OUT_OF_STOCK', 'there are none left'));

      const question = messenger(context).request(sample('1'), { address: at(context) });

      await assert.rejects(outcome(context, question), {
        name: 'RemoteError',
        remoteCode: 'OUT_OF_STOCK',
        message: 'there are none left',
      });
    },
  },
  {
    name: 'tells the responder when the asker has gone',
    requires: ['requestReply'],
    async run(context) {
      const seen = await respond(context, (request) => request.reply(sample('reply')));
      const { request } = messenger(context);
      const subscription = request(sample('leaves'), { address: at(context), many: true }).subscribe();
      await until(context, 'the request', () => seen.length === 1);
      assert.equal(seen[0]?.signal.aborted, false);

      subscription.unsubscribe();

      await until(context, 'the signal', () => seen[0]?.signal.aborted === true);
      assert.equal(seen[0]?.reply(sample('to nobody')), false);
      await outcome(context, request(sample('has enough'), { address: at(context), many: true }).pipe(take(1)));
      await until(context, 'the signal of the second request', () => seen[1]?.signal.aborted === true);
    },
  },
  {
    name: 'gives each request to one member of a queue group, while it is subscribed',
    requires: ['requestReply', 'queueGroups'],
    async run(context) {
      const { request } = messenger(context);
      const answer = (incoming: IncomingRequest) => incoming.reply(sample(incoming.event.id));
      const members = [await respond(context, answer, 'workers'), await respond(context, answer, 'workers')];

      for (const id of ids(20)) {
        assert.deepEqual(idsOf(await outcome(context, request(sample(id), { address: at(context) }))), [id]);
      }

      assert.equal(
        members.reduce((sum, { length }) => sum + length, 0),
        20,
      );
    },
  },
  {
    name: 'tells of the end and the failure of each responder, and ends with none of them',
    requires: ['requestReply'],
    async run(context) {
      const asked: IncomingRequest[] = [];
      const told: string[] = [];
      const answers = [
        (request: IncomingRequest) => request.fail('OUT_OF_STOCK', 'there are none left'),
        (request: IncomingRequest) => request.reply(sample('one')) && request.end(),
        (request: IncomingRequest) => asked.push(request),
      ];
      for (const answer of answers) await respond(context, answer);
      const notice = (it: ResponderNotice) => told.push(it.kind === 'failed' ? it.error.remoteCode : it.kind);

      const question = messenger(context).request(sample('1'), { address: at(context), notice });
      const subscription = question.subscribe(({ id }) => told.push(id));
      await until(context, 'two ends', () => told.length === 3);
      asked[0]?.reply(sample('another'));
      asked[0]?.end();
      await until(context, 'the last end', () => told.length === 5);

      assert.deepEqual([...told].sort(), ['OUT_OF_STOCK', 'another', 'ended', 'ended', 'one']);
      assert.equal(subscription.closed, false);
      subscription.unsubscribe();
    },
  },
  {
    name: 'tells all responders when the asker has gone',
    requires: ['requestReply'],
    async run(context) {
      const all = [await respond(context, () => true), await respond(context, () => true)];
      const question = messenger(context).request(sample('1'), { address: at(context), notice: () => undefined });
      const subscription = question.subscribe();
      await until(context, 'both requests', () => all.every(({ length }) => length === 1));

      subscription.unsubscribe();

      await until(context, 'both signals', () => all.every(([request]) => request?.signal.aborted === true));
    },
  },
  {
    name: 'fails a request with notices when nothing comes from anybody in time',
    requires: ['requestReply'],
    async run(context) {
      const told: ResponderNotice[] = [];
      await respond(context, (request) => request.end());
      const notice = (it: ResponderNotice) => told.push(it);

      const question = messenger(context).request(sample('1'), { address: at(context), timeout: 200, notice });

      await assert.rejects(outcome(context, question), named('RequestTimeoutError'));
      assert.deepEqual(told, [{ kind: 'ended' }]);
    },
  },
  {
    name: 'counts what is replied when nobody waits for it, and what nobody waits to hear',
    requires: ['requestReply'],
    async run(context) {
      const drops: Extract<Status, { kind: 'dropped' }>[] = [];
      const watching = context.transport.status$.subscribe((status) => status.kind === 'dropped' && drops.push(status));
      const seen = await respond(context, (request) => request.reply(sample('reply')));
      const { request } = messenger(context);
      await outcome(context, request(sample('1'), { address: at(context) }));
      await until(context, 'the signal', () => seen[0]?.signal.aborted === true);

      assert.deepEqual([seen[0]?.reply(sample('again')), seen[0]?.end()], [false, false]);
      await outcome(context, context.transport.publish(sample('2'), { address: at(context) }));
      await until(context, 'both drops', () => drops.length === 2);

      assert.deepEqual(
        drops.map(({ address, total }) => [address, total]),
        [
          [at(context), 1],
          [at(context), 2],
        ],
      );
      assert.match(drops[0]?.reason ?? '', /nobody waits/);
      assert.match(drops[1]?.reason ?? '', /reply address/);
      assert.equal(seen.length, 1);
      watching.unsubscribe();
    },
  },
  {
    name: 'has a drain wait for the end of the replies, and then for no more of them',
    requires: ['requestReply'],
    async run(context) {
      const seen = await respond(context, (request) => request.reply(sample('first')));
      const { request } = messenger(context);
      const ask = () => outcome(context, request(sample('1'), { address: at(context), many: true }));
      const [whole, cut] = [ask(), assert.rejects(ask())];
      await until(context, 'both requests', () => seen.length === 2);

      const drained = outcome(context, context.transport.drain({ grace: 500 }));
      await context.advance(50);
      assert.equal(seen[0]?.reply(sample('last')), true);
      seen[0]?.end();

      assert.deepEqual(idsOf(await whole), ['first', 'last']);
      await cut;
      await drained;
      assert.equal(seen[1]?.signal.aborted, true);
    },
  },
];

/** Answers requests with `answer`; returns those that came so far. */
async function respond(
  context: ContractContext,
  answer: (request: IncomingRequest) => unknown,
  queue?: string,
): Promise<readonly IncomingRequest[]> {
  const seen: IncomingRequest[] = [];
  const options = { address: at(context), ...(queue === undefined ? {} : { queue }) };
  messenger(context)
    .requests(options)
    .subscribe((request) => {
      seen.push(request);
      answer(request);
    });
  await context.advance(20);
  return seen;
}

function at({ address }: ContractContext): string {
  return `${address}.questions`;
}

function idsOf(events: readonly Event[]): readonly string[] {
  return events.map(({ id }) => id);
}
