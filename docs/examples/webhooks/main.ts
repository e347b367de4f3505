// GitHub's webhooks, from the sender to the handler and back from the dead letters; with an account that has to add up.
//
//   npm start                           329 real payloads, each published twice
//   npm start -- --events 100000        more of them
//   npm start -- --seed 7               other failures; the same seed has the same ones
//   npm start -- --json                 the account as JSON, and nothing else on standard output
//   npm start -- --nats nats://localhost:4222   the same on a NATS server with JetStream, in streams of its own
//
// What happens, and where to read it:
//
//   events.ts      Six types have a definition: a schema, and the attributes that follow from it. The others flow without.
//   payloads.ts    The payloads of @octokit/webhooks-examples become CloudEvents.
//   streams.ts     Two streams, one for the work and one for dead letters, each with its consumer.
//   broker.ts      What the pipeline needs of a broker: memory.ts has one in this process, nats.ts one on a server.
//   sender.ts      Every event is published twice. The broker recognises one half of the second copies, `dedupe` the other.
//   handler.ts     The work. One type is poisoned: no retry helps it until its handler is mended.
//   unreliable.ts  Handlers throw, reject, error and hang now and then; chance.ts makes that repeat.
//   account.ts     What went in and what came out, as told by four independent witnesses; verdict.ts compares them.
//
// The account: published = handled + duplicates + deadLettered. An event counts as dead-lettered when that is how its
// first run ended; when it was sent back and handled in the end it counts as `redriven` as well, and all of them must be.
// Lost is what was published, and was neither handled nor is kept by a stream.
//
// Exit code: 0 when the account adds up, 1 when it does not, 2 for bad arguments, 3 when the server cannot be used, 130 after
// Ctrl-C (which drains first).
import { consume, exponential, redrive } from 'millrace';
import { lastValueFrom, tap, timeout } from 'rxjs';
import { type Account, openAccount } from './account.ts';
import { backlog, whenIdle } from './broker.ts';
import { laneOf } from './events.ts';
import { worker } from './handler.ts';
import { inMemory } from './memory.ts';
import { onNats } from './nats.ts';
import { readOptions } from './options.ts';
import { pageSize, pagesOf, payloadCount } from './payloads.ts';
import { asJson, asText } from './report.ts';
import { send } from './sender.ts';
import { unreliable } from './unreliable.ts';
import { problemsOf } from './verdict.ts';
import { liveView } from './view.ts';

const { events, seed, json, nats } = readOptions(process.argv.slice(2), { events: payloadCount });
const startedAt = performance.now();
const stop = new AbortController();
const { signal } = stop;
process.on('SIGINT', () => stop.abort()); // and again, without effect: npm passes on what the terminal has sent already

// What waits in its lane behind a retry keeps its place in the prefetch, up to half of it. More would be handed back to
// the broker, and the broker would count an attempt each time; so there is room for a whole page.
const prefetch = 2 * pageSize;
const broker = nats === undefined ? await inMemory(prefetch) : await onNats(nats, prefetch, signal).catch(giveUp);
const { transport, work, dead } = broker;

const { handler, mend } = worker({ seed, done: (delivery) => account.worked(delivery) });
const fallible = unreliable(handler, seed);
const account = openAccount(fallible.hung);
const out = json ? process.stderr : process.stdout;
const view = liveView({ out, expected: 2 * events, counts: () => account.counts });

let failure: unknown;
function fail(error: unknown): void {
  failure ??= error;
  stop.abort();
}

transport
  .subscribe({ ...work, prefetch })
  .pipe(
    consume(fallible.handler, {
      concurrency: 256,
      orderBy: ({ event }) => laneOf(event), // a lane for each repository
      timeout: 400,
      backoff: exponential({ initial: 20, max: 200, maxAttempts: 8 }),
      deadLetter: { publisher: transport, to: ({ address }) => `dead.${address}` },
    }),
    tap(account.became),
  )
  .subscribe({ next: view.show, error: fail });

try {
  // Page by page, so that however many events there are, no more than a page of them is in memory.
  for (const page of pagesOf(events)) {
    view.phase('sending');
    await send(transport, page, { seed, again: false, published: account.published, signal });
    await whenIdle(broker, work, signal);
    view.phase('sending again');
    await send(transport, page, { seed, again: true, published: account.published, signal });
  }
  await whenIdle(broker, work, signal);

  view.phase('mended, sending the dead letters back');
  mend();
  const redriving = redrive(transport, { from: dead }).subscribe({ next: account.sentBack, error: fail });
  await whenIdle(broker, dead, signal);
  redriving.unsubscribe();
  await whenIdle(broker, work, signal);
} catch (error) {
  if (!signal.aborted) fail(error);
}

view.phase('draining');
const interrupted = signal.aborted && failure === undefined;
const closed = await closeAccount().catch((error: unknown) => giveUp(failure ?? error));
view.stop();
const problems = problemsOf(closed, { complete: !interrupted });
if (failure !== undefined) problems.push(`the run failed: ${failure}`);

const { server } = broker;
const elapsedMs = Math.round(performance.now() - startedAt);
const outcome = { seed, elapsedMs, interrupted, problems, ...(server === undefined ? {} : { server }) };
const exitCode = interrupted ? 130 : Number(problems.length > 0);
process.stdout.write(json ? asJson(closed, outcome) : asText(closed, outcome), () => process.exit(exitCode));

/** Asks the broker what is left, and leaves nothing behind there. */
async function closeAccount(): Promise<Account> {
  const drain = await lastValueFrom(transport.drain({ grace: 2_000 }).pipe(timeout(10_000))); // a server may be gone
  const evidence = { work: await backlog(broker, work), dead: await backlog(broker, dead), drain };
  await broker.close();
  return account.close(evidence);
}

/** Ends the process where there is no server to run on, or no longer. */
function giveUp(error: unknown): never {
  if (signal.aborted && error === signal.reason) process.exit(130);
  process.stderr.write(`Cannot run on --nats: ${error instanceof Error ? error.message : error}\n`);
  process.exit(error instanceof TypeError ? 2 : 3);
}
