import { consume, createEvent, defineEvent, exponential, ofType } from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { concat, lastValueFrom, take } from 'rxjs';
import { z } from 'zod';

const placed = defineEvent({ type: 'shop.order.placed', source: '/shop', schema: z.object({ total: z.number() }) });
const broker = memoryBroker();
const transport = memoryTransport(broker);

const streams = concat(
  ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }),
  ensureConsumer(broker, { stream: 'SHOP', name: 'billing' }),
  ensureStream(broker, { name: 'DEAD', subjects: ['dead.>'] }),
);
const good = placed.create({ total: 42 }, { id: 'order-1' });
const bad = createEvent({ type: 'shop.order.placed', source: '/shop', id: 'order-2', data: { total: 'a lot' } });
await lastValueFrom(concat(streams, transport.publish([good, bad])));

const options = { backoff: exponential({ maxAttempts: 5 }), deadLetter: { publisher: transport, to: 'dead.orders' } };
transport
  .subscribe({ stream: 'SHOP', consumer: 'billing' })
  .pipe(
    ofType(placed), // data that the schema rejects go to the dead letters: no retry can help
    consume(({ event, attempt }) => {
      if (attempt === 1) throw new Error('The bank does not answer'); // comes again, after the backoff
      console.log(`charged ${event.data?.total} for ${event.id}`);
    }, options),
    take(3),
  )
  .subscribe(({ kind, delivery }) => console.log(`${delivery.event.id}, attempt ${delivery.attempt}: ${kind}`));
