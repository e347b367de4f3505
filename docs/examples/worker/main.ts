// A worker that stops in order: node scripts/run.mjs docs/examples/worker/main.ts [nats://localhost:4222]
//
// On a server it works until it gets SIGTERM or SIGINT; a second one forces it. Without a server it has jobs of its own,
// on the memory broker, and stops by itself after a moment. A job's data says how many ms it takes.
import {
  consume,
  createEvent,
  type Delivery,
  processSignals,
  type Resource,
  type ServiceReport,
  type Subscriber,
  service,
  type Transport,
} from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import * as nats from 'millrace/nats';
import { concat, lastValueFrom, merge, NEVER, type Observable, timer } from 'rxjs';

/** What both brokers have in common here. */
interface Jobs {
  readonly transport: Pick<Transport, 'name' | 'status$' | 'drain'> & Subscriber<typeof jobs>;
  readonly resources: Readonly<Record<string, Resource>>;
  /** Stops the worker without a signal. */
  readonly enough: Observable<unknown>;
}

const stream = { name: 'JOBS', subjects: ['jobs.>'] };
const consumer = { stream: 'JOBS', name: 'worker', ackWait: 30_000 };
const jobs = { stream: 'JOBS', consumer: 'worker', prefetch: 32 };

async function onNats(servers: string): Promise<Jobs> {
  const connection = await nats.connectNats({ servers });
  await lastValueFrom(concat(nats.ensureStream(connection, stream), nats.ensureConsumer(connection, consumer)));
  const transport = nats.jetstreamTransport(connection, { name: 'worker' });
  return { transport, resources: { connection }, enough: NEVER };
}

async function inMemory(): Promise<Jobs> {
  const broker = memoryBroker();
  const transport = memoryTransport(broker, { name: 'worker' });
  const events = Array.from({ length: 200 }, () => createEvent({ type: 'jobs.resize', data: 20 }));
  const made = concat(ensureStream(broker, stream), ensureConsumer(broker, consumer), transport.publish(events));
  await lastValueFrom(made);
  return { transport, resources: {}, enough: timer(250) };
}

function resize({ event }: Delivery<number>): Observable<unknown> {
  return timer(event.data ?? 0);
}

function print(report: ServiceReport): void {
  console.log(JSON.stringify(report, (_, value) => (value instanceof Error ? String(value) : value)));
  process.exitCode = report.ok ? 0 : 1;
}

const server = process.argv[2];
const { transport, resources, enough } = server === undefined ? await inMemory() : await onNats(server);
const app = service(
  {
    pipelines: { jobs: transport.subscribe<number>(jobs).pipe(consume(resize, { concurrency: 4 })) },
    transports: [transport],
    resources,
  },
  { stopOn: merge(processSignals('SIGTERM', 'SIGINT'), enough), grace: 10_000 },
);

app.run().subscribe((progress) => {
  if (progress.kind === 'done') print(progress.report);
  else console.error('name' in progress ? `${progress.kind} ${progress.name}` : progress.kind);
});
