// Logs that are followed over the network: many tails, few producers, and no line lost or doubled.
//
//   node scripts/run.mjs docs/examples/log-tail/main.ts                       all of it in this process, which ends by itself
//   node scripts/run.mjs docs/examples/log-tail/main.ts serve --nats nats://localhost:4222 --folder /var/log
//   node scripts/run.mjs docs/examples/log-tail/main.ts tail --nats nats://localhost:4222 --file syslog
//
// tails.ts has the service, and lines.ts follows one file. A tail is a session: unsubscribing ends it at the producer, which
// reads no faster than the tail does. Kill the producer and start it again: the tail goes on with the next line. `--beat ms`
// sets how often the two sides look for each other. Both run until SIGTERM or SIGINT; the producer tells on standard error
// how each tail ended.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Pipeline, processSignals, service } from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { connectNats, natsTransport } from 'millrace/nats';
import { forkJoin, lastValueFrom, take, takeUntil, tap, toArray } from 'rxjs';
import { serveTails, tail } from './tails.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nats: { type: 'string', default: 'nats://localhost:4222' },
    folder: { type: 'string', default: '.' },
    file: { type: 'string', default: 'log' },
    beat: { type: 'string', default: '10000' },
  },
});
const interval = Number(values.beat);
const heartbeat = { interval, timeout: interval / 2 };

/** Runs one side on a server until a signal comes. */
async function run(role: 'serve' | 'tail'): Promise<void> {
  const connection = await connectNats({ servers: values.nats, waitForFirst: true });
  const transport = natsTransport(connection, { name: `/logs/${role}` });
  const serving = serveTails(transport, values.folder, heartbeat).pipe(
    tap((end) => console.error(JSON.stringify(end))),
  );
  const reading = tail(transport, values.file, heartbeat).pipe(tap((line) => console.log(line)));
  const pipeline: Pipeline = role === 'serve' ? serving : (draining) => reading.pipe(takeUntil(draining));
  const app = service(
    { pipelines: { [role]: pipeline }, transports: [transport], resources: { connection } },
    { stopOn: processSignals('SIGTERM', 'SIGINT'), grace: 2_000 },
  );
  await lastValueFrom(app.run());
}

/** Two logs that grow, and ten tails on each: each is to have every line, in order. */
async function demonstrate(): Promise<boolean> {
  const broker = memoryBroker();
  const [producer, consumer] = [
    memoryTransport(broker, { name: '/logs' }),
    memoryTransport(broker, { name: '/reader' }),
  ];
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tail-'));
  const files = ['web', 'jobs'];
  const lines = 500;
  try {
    for (const file of files) await writeFile(join(folder, file), '');
    const serving = serveTails(producer, folder).subscribe();
    const tails = files.flatMap((file) =>
      Array.from({ length: 10 }, () => tail(consumer, file).pipe(take(lines), toArray())),
    );
    const reading = lastValueFrom(forkJoin(tails));
    for (let first = 0; first < lines; first += 100) {
      const more = Array.from({ length: 100 }, (_, index) => `line ${first + index + 1}\n`).join('');
      for (const file of files) await appendFile(join(folder, file), more);
      await setTimeout(20);
    }
    const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1}`).join();
    const read = await reading;
    const complete = read.filter((seen) => seen.join() === expected).length;
    console.log(JSON.stringify({ tails: read.length, lines, complete }));
    serving.unsubscribe();
    return complete === read.length;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const [role] = positionals;
if (role === 'serve' || role === 'tail') await run(role);
else process.exitCode = (await demonstrate()) ? 0 : 1;
