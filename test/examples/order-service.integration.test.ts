import type { ChildProcess } from 'node:child_process';
import { kvStore } from 'millrace/nats';
import { lastValueFrom, toArray } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';
import type { Account } from '../../docs/examples/order-service/customers.ts';
import { clients, type NatsClient } from '../support/nats/connect.ts';
import { testNatsServer } from '../support/nats/nats-server.ts';
import { describeOnLatestServer, type NatsServerBinary } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { EXAMPLE_TIMEOUT, type Finished, runExample } from './run-example.ts';

type Role = 'orders' | 'billing' | 'gateway';

/** A process of the example. */
interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** A server, and processes that are ended with the test. */
async function town(binary: NatsServerBinary) {
  const { url } = await testNatsServer({ binary });
  const connection = await (clients[0] as NatsClient).connect({ servers: url });

  function start(role: Role, ...more: string[]): Running {
    let child: ChildProcess | undefined;
    const finished = runExample('order-service', [role, '--nats', url, ...more], (started) => {
      child = started;
    });
    const running = { child: child as unknown as ChildProcess, finished };
    onTestFinished(async () => {
      running.child.kill('SIGKILL');
      await finished;
    });
    return running;
  }

  return {
    start,
    /** Resolves when so many orders have ended. */
    async ended(count: number) {
      const store = kvStore(connection, { bucket: 'orders-states' });
      await until(async () => (await lastValueFrom(store.keys('order.*').pipe(toArray()))).length >= count, {
        deadline: EXAMPLE_TIMEOUT / 2,
        describe: `${count} orders that have ended`,
      });
    },
  };
}

/** The account that the gateway prints: it must add up. */
async function accountOf({ finished }: Running): Promise<Account> {
  const { code, stdout, stderr } = await finished;
  expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
  const account = JSON.parse(stdout) as Account;
  expect(account.problems).toEqual([]);
  expect(code).toBe(0);
  return account;
}

describeOnLatestServer('docs/examples/order-service, in three processes', (binary) => {
  const options = { timeout: EXAMPLE_TIMEOUT, skip: process.platform === 'win32' };

  it.each<Role>(['billing', 'orders'])('loses and doubles nothing when %s is killed', options, async (victim) => {
    const { start, ended } = await town(binary);
    const services = { orders: start('orders'), billing: start('billing') };
    const gateway = start('gateway', '--orders', '300');
    await ended(40);

    services[victim as keyof typeof services].child.kill('SIGKILL');
    await services[victim as keyof typeof services].finished;
    start(victim);

    const { orders, confirmed, rejected } = await accountOf(gateway);
    expect(orders).toBe(300);
    expect(confirmed).toBeGreaterThan(0);
    expect(Object.keys(rejected).length).toBeGreaterThan(0);
  });

  it('waits for services that start later, and has them stop in order at SIGTERM', options, async () => {
    const { start, ended } = await town(binary);
    const gateway = start('gateway', '--orders', '60');
    const orders = start('orders');
    const billing = start('billing');
    await ended(1);

    const account = await accountOf(gateway);
    for (const { child } of [orders, billing]) child.kill('SIGTERM');
    const codes = [(await orders.finished).code, (await billing.finished).code];

    expect(account.orders).toBe(60);
    expect(codes).toEqual([0, 0]);
  });
});
