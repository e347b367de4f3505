import assert from 'node:assert/strict';
import { take } from 'rxjs';
import type { Event } from '../../core/event.ts';
import type { IncomingRequest } from '../../core/transport.ts';
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
