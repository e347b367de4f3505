import { eventSource } from 'millrace';
import { marbles, virtualTime } from 'millrace/testing';
import { map, merge, type Observable, type SchedulerLike, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Bank, billing } from '../../docs/examples/order-service/billing.ts';
import type { Balance, Order, OrderEnd, Shelf } from '../../docs/examples/order-service/events.ts';
import { gateway, type Wish } from '../../docs/examples/order-service/gateway.ts';
import { inMemory } from '../../docs/examples/order-service/in-memory.ts';
import { add, cancel, type Entry, take } from '../../docs/examples/order-service/ledger.ts';
import { orders } from '../../docs/examples/order-service/orders.ts';
import { ordersConsumer } from '../../docs/examples/order-service/platform.ts';
import { checkout } from '../../docs/examples/order-service/saga.ts';
import { initialStock, release, reserve, type Stock } from '../../docs/examples/order-service/stock.ts';

const order: Order = { orderId: 'o-1', sku: 'lamp', quantity: 2, total: 80 };
const ends = {
  c: { orderId: 'o-1', status: 'confirmed' },
  r: { orderId: 'o-1', status: 'rejected', reason: 'the payment was refused' },
  l: { orderId: 'o-1', status: 'rejected', reason: 'the payment took too long' },
  s: { orderId: 'o-1', status: 'rejected', reason: 'there are not enough of them' },
} as const satisfies Readonly<Record<string, OrderEnd>>;

describe('docs/examples/order-service, a saga', () => {
  /** When each step runs, and what comes of it; `x` is the end that is to be recorded. The patience is of five frames. */
  interface Drawn {
    readonly ended: string;
    readonly reserve?: string;
    readonly pay?: string;
    readonly end?: string;
  }

  /** Draws a saga, when its steps are subscribed to, and what it emits. */
  function saga(drawn: Drawn, expected: string, ran: Readonly<Record<'reserve' | 'pay' | 'end' | 'undo', string[]>>) {
    return marbles(({ cold, expectObservable, expectSubscriptions, scheduler }) => {
      const ended = cold<OrderEnd | undefined>(drawn.ended, { ...ends, u: undefined });
      const reserving = cold(drawn.reserve ?? '-(y|)', { y: true, n: false });
      const paying = cold<'taken' | 'refused'>(drawn.pay ?? '--(t|)', { t: 'taken', r: 'refused' });
      const ending = cold<OrderEnd | 'x'>(drawn.end ?? '-(x|)', { ...ends, x: 'x' });
      const releasing = cold('-(a|)');
      const cancelling = cold('--(a|)');

      const steps = {
        ended: () => ended,
        reserve: () => reserving,
        pay: () => paying,
        end: (_: Order, end: OrderEnd) => ending.pipe(map((recorded) => (recorded === 'x' ? end : recorded))),
        release: () => releasing,
        cancelPayment: () => cancelling,
      };
      expectObservable(checkout(order, steps, { patience: 5, scheduler })).toBe(expected, ends);

      expectSubscriptions(reserving.subscriptions).toBe(ran.reserve);
      expectSubscriptions(paying.subscriptions).toBe(ran.pay);
      expectSubscriptions(ending.subscriptions).toBe(ran.end);
      expectSubscriptions(releasing.subscriptions).toBe(ran.undo.map((diagram) => diagram.replace('-!', '!')));
      expectSubscriptions(cancelling.subscriptions).toBe(ran.undo);
    });
  }

  it(
    'is confirmed when it is paid',
    saga({ ended: '(u|)' }, '----(c|)', { reserve: ['^!'], pay: ['-^-!'], end: ['---^!'], undo: [] }),
  );

  it(
    'is rejected, and undone, when the payment is refused',
    saga({ ended: '(u|)', pay: '--(r|)' }, '------(r|)', {
      reserve: ['^!'],
      pay: ['-^-!'],
      end: ['---^!'],
      undo: ['----^-!'],
    }),
  );

  it(
    'is rejected, and undone, when the payment is late, and waits for it no longer',
    saga({ ended: '(u|)', pay: '------(t|)' }, '---------(l|)', {
      reserve: ['^!'],
      pay: ['-^----!'],
      end: ['------^!'],
      undo: ['-------^-!'],
    }),
  );

  it(
    'is rejected without a payment when there are not enough goods',
    saga({ ended: '(u|)', reserve: '-(n|)' }, '----(s|)', { reserve: ['^!'], pay: [], end: ['-^!'], undo: ['--^-!'] }),
  );

  it(
    'ends as it is recorded when it is run again, and does nothing else',
    saga({ ended: '-(c|)' }, '-(c|)', { reserve: [], pay: [], end: [], undo: [] }),
  );

  it(
    'is undone again when it is run again after a rejection',
    saga({ ended: '-(l|)' }, '---(l|)', { reserve: [], pay: [], end: [], undo: ['-^-!'] }),
  );

  it(
    'ends as another run of it has recorded meanwhile',
    saga({ ended: '(u|)', end: '-(l|)' }, '------(l|)', {
      reserve: ['^!'],
      pay: ['-^-!'],
      end: ['---^!'],
      undo: ['----^-!'],
    }),
  );

  it(
    'fails when a step fails, and undoes nothing: it is run again',
    saga({ ended: '(u|)', pay: '--#' }, '---#', { reserve: ['^!'], pay: ['-^-!'], end: [], undo: [] }),
  );
});

describe('docs/examples/order-service, what it keeps', () => {
  const stock = initialStock[0] as Stock;

  it('sets goods aside once, and puts them back once', () => {
    const once = reserve(order, stock);
    const back = release(order, once);

    expect(once).toMatchObject({ available: 998, reserved: { 'o-1': 2 } });
    expect(reserve(order, once)).toBe(once);
    expect(back).toEqual(stock);
    expect(release(order, back)).toBe(back);
    expect(reserve({ ...order, quantity: 1_001 }, stock)).toBe(stock);
  });

  it('takes money once, gives it back once, and never takes what was cancelled before', () => {
    const taken = take(80, undefined);
    const refunded = cancel(80, taken);
    const cancelled = cancel(80, undefined);

    expect([taken.status, take(80, taken), cancel(80, refunded)]).toEqual(['taken', taken, refunded]);
    expect([refunded.status, take(80, refunded)]).toEqual(['refunded', refunded]);
    expect([cancelled.status, take(80, cancelled)]).toEqual(['cancelled', cancelled]);
    expect(take(1_001, undefined).status).toBe('refused');
    const nothing: Balance = { taken: 0, refunded: 0, net: 0 };
    const entries: Entry[] = [taken, refunded, cancelled];
    expect(entries.reduce(add, nothing)).toEqual({ taken: 160, refunded: 80, net: 80 });
  });
});

describe('docs/examples/order-service, all of it in virtual time', () => {
  /** The three services, with a bank of the test's own. */
  async function shopWith(bank: (scheduler: SchedulerLike) => Bank, timeout = 60_000) {
    const time = virtualTime();
    const open = await inMemory(time);
    const [forOrders, forBilling, forGateway] = [await open('orders'), await open('billing'), await open('gateway')];
    const source = eventSource(forGateway.events, { stream: ordersConsumer.stream, scheduler: time });
    const shop = gateway(forGateway.queries, source, { timeout, scheduler: time });
    const outcomes: string[] = [];
    const { sagas, questions } = orders(forOrders, { patience: 5_000 });
    const { payments, questions: others } = billing(forBilling, bank(time));
    const running = merge(sagas, payments).subscribe(({ kind, delivery }) =>
      outcomes.push(`${kind} ${delivery.event.type}`),
    );
    running.add(merge(questions, others).subscribe());

    /** What an Observable emits, and when; then how it ends. */
    function seen<T>(observed: Observable<T>, show: (value: T) => string): string[] {
      const log: string[] = [];
      const note = (what: string) => log.push(`${time.now()} ${what}`);
      observed.subscribe({
        next: (value) => note(show(value)),
        error: (error: Error) => note(error.name),
        complete: () => note('|'),
      });
      return log;
    }

    return {
      time,
      outcomes,
      running,
      place: (wish: Partial<Wish> = {}) =>
        seen(shop.place({ ...order, ...wish }), ({ status, reason = '' }) => `${status} ${reason}`.trim()),
      available: () => seen(shop.shelf('lamp'), ({ available }: Shelf) => String(available)),
      balance: () => seen(shop.balance(), ({ taken, refunded, net }) => `${taken} - ${refunded} = ${net}`),
    };
  }

  it('confirms an order when it is paid', async () => {
    const shop = await shopWith((scheduler) => () => timer(200, scheduler));
    await shop.time.advanceBy(0);

    const seen = shop.place();
    await shop.time.advanceBy(10_000);

    expect(seen).toEqual(['200 confirmed', '200 |']);
    const [available, balance] = [shop.available(), shop.balance()];
    await shop.time.advanceBy(0);
    expect([available[0], balance[0]]).toEqual(['10000 998', '10000 80 - 0 = 80']);
  });

  it('rejects an order when the payment is late, and never takes it', async () => {
    const shop = await shopWith((scheduler) => () => timer(6_000, scheduler));
    await shop.time.advanceBy(0);

    const seen = shop.place();
    await shop.time.advanceBy(20_000);

    expect(seen).toEqual(['5000 rejected the payment took too long', '5000 |']);
    const [available, balance] = [shop.available(), shop.balance()];
    await shop.time.advanceBy(0);
    expect([available[0], balance[0]]).toEqual(['20000 1000', '20000 0 - 0 = 0']);
  });

  it('places an order once, however often and whenever it is placed', async () => {
    const shop = await shopWith((scheduler) => () => timer(200, scheduler));
    await shop.time.advanceBy(0);

    const both = [shop.place(), shop.place()];
    await shop.time.advanceBy(1_000);
    const later = shop.place();
    await shop.time.advanceBy(1_000);

    expect([...both, later].map(([end]) => end)).toEqual(['200 confirmed', '200 confirmed', '1000 confirmed']);
    expect(shop.outcomes).toEqual(['succeeded payment.requested', 'succeeded order.placed']);
  });

  it('runs an order again when the bank fails, and takes the money once', async () => {
    let calls = 0;
    const shop = await shopWith((scheduler) => () => {
      calls += 1;
      return calls < 3 ? throwError(() => new Error('the line is dead')) : timer(100, scheduler);
    });
    await shop.time.advanceBy(0);

    const seen = shop.place();
    await shop.time.advanceBy(30_000);

    expect(seen[0]).toMatch(/ confirmed$/);
    expect(shop.outcomes).toEqual([
      'retry payment.requested',
      'retry payment.requested',
      'succeeded payment.requested',
      'succeeded order.placed',
    ]);
    const balance = shop.balance();
    await shop.time.advanceBy(0);
    expect(balance[0]).toMatch(/ 80 - 0 = 80$/);
  });

  it('asks again while nobody is there to answer, and gives up in the end', async () => {
    const shop = await shopWith((scheduler) => () => timer(200, scheduler));
    shop.running.unsubscribe();
    await shop.time.advanceBy(0);

    const seen = shop.place();
    await shop.time.advanceBy(61_000);

    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/ RetryExhaustedError$/);
  });

  it('tells a customer who waited in vain how the order ended, if it has', async () => {
    const shop = await shopWith((scheduler) => () => timer(3_000, scheduler), 1_000);
    await shop.time.advanceBy(0);

    const seen = shop.place();
    await shop.time.advanceBy(1_500);
    expect(seen).toEqual(['1000 ResponseTimeoutError']);
    await shop.time.advanceBy(5_000);
    const again = shop.place();
    await shop.time.advanceBy(0);

    expect(again[0]).toMatch(/ confirmed$/);
  });
});
