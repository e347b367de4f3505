import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { type ContractContext, type ProvisionOptions, transportContract, virtualTime } from 'millrace/testing';
import { firstValueFrom } from 'rxjs';
import { describe, it } from 'vitest';

const LEASE = 1_000;

interface MemoryContext extends ContractContext {
  close(): Promise<void>;
}

function memoryContext(address: string, isolate: boolean): MemoryContext {
  const time = virtualTime({ start: Date.UTC(2026, 0, 1) });
  const broker = memoryBroker({ scheduler: time, isolate });
  let consumers = 0;

  const transport = memoryTransport(broker);
  return {
    transport,
    address,
    lease: LEASE,
    advance: (duration) => time.advanceBy(duration),
    async provision({ lease = 3_600_000, maxDeliver, maxAckPending, filter, from }: ProvisionOptions = {}) {
      const stream = 'CONTRACT';
      const name = `consumer-${++consumers}`;
      await firstValueFrom(ensureStream(broker, { name: stream, subjects: [`${address}.>`] }));
      const config = { stream, name, ackWait: lease, maxDeliver, maxAckPending, filter, from };
      const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
      await firstValueFrom(ensureConsumer(broker, { stream, name, ...given }));
      return { stream, consumer: name };
    },
    async close() {
      transport.drain({ grace: 0 }).subscribe();
      await time.advanceBy(0);
    },
  };
}

describe.each([
  { title: 'sharing its events', isolate: false },
  { title: 'isolating its events', isolate: true },
])('memoryTransport, $title', ({ isolate }) => {
  for (const [index, { name, requires = [], run }] of transportContract.entries()) {
    it(name, async ({ skip, onTestFinished }) => {
      const context = memoryContext(`contract.${index}`, isolate);
      onTestFinished(() => context.close());
      const missing = requires.find((capability) => !context.transport.capabilities[capability]);
      skip(missing !== undefined, `does not claim ${missing}`);

      await run(context);
    });
  }
});
