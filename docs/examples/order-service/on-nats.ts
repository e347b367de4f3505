// The world as a NATS server with JetStream: each service has a connection of its own, and a bucket for what it knows.
import {
  connectNats,
  ensureBucket,
  ensureConsumer,
  ensureStream,
  jetstreamTransport,
  natsTransport,
} from 'millrace/nats';
import { concat, from, lastValueFrom, mergeMap } from 'rxjs';
import { natsStates } from './nats-states.ts';
import { consumers, type OpenPlatform, stream } from './platform.ts';

export function onNats(servers: string): OpenPlatform {
  return async (name) => {
    const connection = await connectNats({ servers, name, waitForFirst: true });
    const bucket = `${name}-states`;
    const consumers$ = from(consumers).pipe(mergeMap((consumer) => ensureConsumer(connection, consumer)));
    await lastValueFrom(concat(ensureStream(connection, stream), consumers$, ensureBucket(connection, { bucket })));

    return {
      events: jetstreamTransport(connection, { name: `/${name}` }),
      queries: natsTransport(connection, { name: `/${name}/queries` }),
      states: natsStates(connection, bucket),
      resources: { connection },
    };
  };
}
