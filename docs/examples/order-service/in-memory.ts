// The world in this process: one broker, and a transport on it for each service.
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { concat, from, lastValueFrom, mergeMap, type SchedulerLike } from 'rxjs';
import { consumers, type OpenPlatform, stream } from './platform.ts';
import { memoryStates } from './states.ts';

export async function inMemory(scheduler?: SchedulerLike): Promise<OpenPlatform> {
  const clock = scheduler === undefined ? {} : { scheduler };
  const broker = memoryBroker(clock);
  const consumers$ = from(consumers).pipe(mergeMap((consumer) => ensureConsumer(broker, consumer)));
  await lastValueFrom(concat(ensureStream(broker, stream), consumers$));

  return async (name) => {
    const events = memoryTransport(broker, { name: `/${name}` });
    const queries = memoryTransport(broker, { name: `/${name}/queries` });
    return { events, queries, states: memoryStates(), resources: {}, ...clock };
  };
}
