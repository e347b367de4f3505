// The broker that is part of this process: `npm start`.
import { consumerInfo, ensureConsumer, ensureStream, memoryBroker, memoryTransport, streamInfo } from 'millrace/memory';
import { combineLatest, lastValueFrom, map } from 'rxjs';
import type { Broker } from './broker.ts';
import { streamsOf } from './streams.ts';

export async function inMemory(prefetch: number): Promise<Broker> {
  const broker = memoryBroker();
  const { work, dead, addressOf, provision } = streamsOf({ prefetch });
  const make = provision({
    stream: (config) => ensureStream(broker, config),
    consumer: (config) => ensureConsumer(broker, config),
  });
  await lastValueFrom(make);

  return {
    work,
    dead,
    transport: memoryTransport(broker, { address: addressOf }),
    look: ({ stream, consumer }) =>
      combineLatest([streamInfo(broker, stream), consumerInfo(broker, stream, consumer)]).pipe(
        map(([{ messages }, { pending, unsettled, redelivering }]) => ({ messages, pending, unsettled, redelivering })),
      ),
    close: async () => undefined,
  };
}
