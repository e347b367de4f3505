import { setTimeout } from 'node:timers/promises';
import { type NatsTransport, natsTransport } from 'millrace/nats';
import { type ContractSubscription, type ContractTransport, transportContract } from 'millrace/testing';
import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../support/nats/nats-server.ts';
import { describeOnEachServer } from '../support/nats/servers.ts';

/** Nothing here has a lease; some cases wait for a multiple of it. */
const LEASE = 100;

/** The contract's own options are those of any transport. What is no option of this one is refused, which is a case. */
function asContractTransport(transport: NatsTransport): ContractTransport {
  const subscribe = <T>(options: ContractSubscription) => transport.subscribe<T>({ address: '', ...options });
  return { ...transport, subscribe };
}

describeOnEachServer('natsTransport', (binary) => {
  let server: NatsServerProcess;
  beforeAll(async () => {
    server = await startNatsServer({ binary });
  });
  afterAll(() => server.stop());

  describe.each(clients)('on $name', ({ connect, version }) => {
    for (const [index, { name, requires = [], run }] of transportContract.entries()) {
      it(name, async ({ skip, onTestFinished }) => {
        const transport = natsTransport(await connect(server.url));
        onTestFinished(async () => {
          await lastValueFrom(transport.drain({ grace: 0 }));
        });
        const missing = requires.find((capability) => !transport.capabilities[capability]);
        skip(missing !== undefined, `does not claim ${missing}`);

        await run({
          transport: asContractTransport(transport),
          address: `contract.${version}.${index}`,
          lease: LEASE,
          advance: (duration) => setTimeout(duration),
          provision: () => Promise.reject(new Error('Nothing is stored here')),
        });
      });
    }
  });
});
