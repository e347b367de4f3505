import { consume, createEvent, type Delivery, exponential, fatal } from 'millrace';
import { ensureConsumer, ensureStream, memoryBroker, memoryTransport } from 'millrace/memory';
import { concat, lastValueFrom, take } from 'rxjs';

const broker = memoryBroker();
const transport = memoryTransport(broker, { name: 'shop' });
const orders = [42, 7, -1].map((total, i) => createEvent({ type: 'shop.order', id: `order-${i}`, data: total }));
const streams = concat(
  ensureStream(broker, { name: 'SHOP', subjects: ['shop.>'] }),
  ensureStream(broker, { name: 'DEAD', subjects: ['dead.>'] }),
  ensureConsumer(broker, { stream: 'SHOP', name: 'billing' }),
);
await lastValueFrom(concat(streams, transport.publish(orders)));

function charge({ event: { data: total = 0 }, attempt }: Delivery<number>): void {
  if (total < 0) throw fatal('There is nothing to charge'); // no retry can help: it goes to the dead letters
  if (total < 10 && attempt === 1) throw new Error('The bank does not answer'); // it comes again, after the backoff
}
const options = { backoff: exponential({ maxAttempts: 5 }), deadLetter: { publisher: transport, to: 'dead.orders' } };
const deliveries = transport.subscribe<number>({ stream: 'SHOP', consumer: 'billing' });
const outcomes = deliveries.pipe(consume(charge, { concurrency: 32, ...options }), take(4));
outcomes.subscribe(({ kind, delivery }) => console.log(`${delivery.event.id}, attempt ${delivery.attempt}: ${kind}`));
