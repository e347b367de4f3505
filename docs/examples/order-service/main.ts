// An order service of three processes, which talk by events and queries; each order is a saga.
//
//   node scripts/run.mjs docs/examples/order-service/main.ts [--orders 60]     all three in this process
//   node scripts/run.mjs docs/examples/order-service/main.ts orders --nats nats://localhost:4222
//   node scripts/run.mjs docs/examples/order-service/main.ts billing --nats nats://localhost:4222
//   node scripts/run.mjs docs/examples/order-service/main.ts gateway --nats nats://localhost:4222 [--orders 60]
//
// What happens, and where to read it:
//
//   gateway.ts    Asks orders for the price, places the order as an event, and waits for the response: how it ended.
//   orders.ts     Listens to orders. Each one is a saga, and its end is the response.
//   saga.ts       The saga: set goods aside, have them paid, confirm; or else undo, and reject. Nothing but Observables.
//   billing.ts    Takes payments, now and then too slowly, and gives back what was cancelled.
//   customers.ts  Customers, and the account: one end for each order, goods and money as the ends say.
//   platform.ts   What all that needs of a broker: in-memory.ts has it in this process, on-nats.ts on a server.
//
// Kill a process in the middle, and start it again: the account is the same. Orders and billing run until SIGTERM or SIGINT;
// the gateway, and all three in one process, print the account as JSON. Exit code: 0 when it adds up, 1 when not.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { eventSource, processSignals, type ServiceParts, service } from 'millrace';
import { lastValueFrom, merge, NEVER, Subject, takeUntil, timer } from 'rxjs';
import { type Bank, billing } from './billing.ts';
import { shop, wishes } from './customers.ts';
import { gateway } from './gateway.ts';
import { inMemory } from './in-memory.ts';
import { onNats } from './on-nats.ts';
import { orders } from './orders.ts';
import { type OpenPlatform, ordersConsumer, type Platform } from './platform.ts';

/** How long, in ms, a payment may take, and how long the slow ones take: one order in twelve. */
const PATIENCE = 1_000;
const SLOW = 1_500;

const bank: Bank = ({ orderId }) => timer(Number(orderId.split('-').at(-1)) % 12 === 7 ? SLOW : 5);

/** What ends the services when it is time. */
const enough = new Subject<void>();

/** Runs a service until it is enough, or a signal comes; resolves when it has stopped in order, to whether it has. */
async function run({ events, queries, resources }: Platform, pipelines: ServiceParts['pipelines']): Promise<boolean> {
  const stopOn = merge(processSignals('SIGTERM', 'SIGINT'), enough);
  const app = service({ pipelines, transports: [events, queries], resources }, { stopOn, grace: 10_000 });
  const last = await lastValueFrom(app.run());
  return last.kind === 'done' && last.report.ok;
}

async function runOrders(open: OpenPlatform): Promise<boolean> {
  const platform = await open('orders');
  return run(platform, { ...orders(platform, { patience: PATIENCE }) });
}

async function runBilling(open: OpenPlatform): Promise<boolean> {
  const platform = await open('billing');
  return run(platform, { ...billing(platform, bank) });
}

async function runGateway(open: OpenPlatform, count: number): Promise<boolean> {
  const platform = await open('gateway');
  const source = eventSource(platform.events, { stream: ordersConsumer.stream });
  const stopped = run(platform, { idle: (draining) => NEVER.pipe(takeUntil(draining)) });
  const customers = gateway(platform.queries, source);
  const account = await shop(customers, wishes(count, `run-${randomUUID().slice(0, 8)}`));
  console.log(JSON.stringify(account));
  enough.next();
  return (await stopped) && account.problems.length === 0;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { nats: { type: 'string' }, orders: { type: 'string', default: '60' } },
});
const [role = 'all'] = positionals;
const open = values.nats === undefined ? await inMemory() : onNats(values.nats);
const services: Readonly<Record<string, () => Promise<boolean>>> = {
  orders: () => runOrders(open),
  billing: () => runBilling(open),
  gateway: () => runGateway(open, Number(values.orders)),
};
const started = role === 'all' ? Object.values(services) : [services[role] as () => Promise<boolean>];
const ended = await Promise.all(started.map((start) => start()));
process.exitCode = ended.every(Boolean) ? 0 : 1;
