import {
  constant,
  type DeadLetterOptions,
  DeadLetterRefusedError,
  deadLetter,
  maxAttempts,
  never,
  type Outcome,
  settle,
  TransportClosedError,
  UnboundAddressError,
} from 'millrace';
import { memoryBroker, memoryTransport } from 'millrace/memory';
import { type FakeDelivery, fakeDelivery, virtualTime } from 'millrace/testing';
import { concat, EMPTY, NEVER, of, throwError } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Publisher, Receipt } from '../../src/core/transport.ts';
import { boom, failed, nthDelivery } from '../support/made.ts';
import { receiptAt, recordingPublisher } from '../support/publishers.ts';

const full = new Error('full');
const refuse = () => throwError(() => full);
const quiet = { onRefused: () => undefined };

/** Runs failed deliveries through it in virtual time, and keeps the stream open. */
function run(publisher: Publisher, deliveries: readonly FakeDelivery[], options: DeadLetterOptions = quiet) {
  const time = virtualTime();
  const outcomes: Outcome[] = [];
  const at: number[] = [];
  const subscription = concat(of(...deliveries.map((delivery) => failed(delivery))), NEVER)
    .pipe(deadLetter(publisher, { scheduler: time, ...options }))
    .subscribe((outcome) => {
      outcomes.push(outcome);
      at.push(time.now());
    });
  return { time, outcomes, at, subscription };
}

const last = () => fakeDelivery({ attempt: 5, subscription: { maxDeliver: 5 } });

describe('deadLetter, when its target', () => {
  it.each([
    { how: 'refuses', answer: refuse, cause: full },
    {
      how: 'throws',
      answer: () => {
        throw full;
      },
      cause: full,
    },
    { how: 'says nothing', answer: () => EMPTY, cause: expect.objectContaining({ name: 'EmptyError' }) },
    {
      how: 'hands it to listeners, and stores nothing',
      answer: () => of({ ...receiptAt('test.dlq'), stored: false }),
      cause: new UnboundAddressError('test.dlq'),
    },
  ])('$how, tries three times, and then sends the delivery back', async ({ answer, cause }) => {
    const publisher = recordingPublisher(answer as () => never);
    const delivery = fakeDelivery();

    const { time, outcomes } = run(publisher, [delivery]);
    await time.flush();

    expect(publisher.attempts).toHaveLength(3);
    expect(outcomes).toMatchObject([{ kind: 'retry', delivery, delay: 30_000 }]);
    const [{ error }] = outcomes as unknown as [{ error: DeadLetterRefusedError }];
    expect(error).toBeInstanceOf(DeadLetterRefusedError);
    expect(error.address).toBe('test.dlq');
    const { errors } = error.cause as AggregateError;
    expect(errors).toEqual([boom, expect.objectContaining({ name: 'RetryExhaustedError', attempts: 3, cause })]);
    expect(delivery.settled).toBe(false);
  });

  it('never answers, gives each attempt its time, and sends the delivery back', async () => {
    const publisher = recordingPublisher(() => NEVER);
    const options = { timeout: 1_000, backoff: maxAttempts(constant(500), 2), ...quiet };

    const { time, outcomes, at } = run(publisher, [fakeDelivery()], options);
    await time.flush();

    expect(publisher.attempts).toHaveLength(2);
    expect(at).toEqual([2_500]);
    expect(outcomes).toMatchObject([{ kind: 'retry', error: expect.any(DeadLetterRefusedError) }]);
  });

  it('never answers, waits 5 s for each of three attempts by default', async () => {
    const { time, outcomes, at } = run(
      recordingPublisher(() => NEVER),
      [fakeDelivery()],
    );
    await time.flush();

    const [waited] = at as [number];
    expect(outcomes).toMatchObject([{ kind: 'retry' }]);
    expect(waited).toBeGreaterThanOrEqual(15_000 + 100 + 200); // two delays of 200 and 400 ms, up to a half shorter
    expect(waited).toBeLessThanOrEqual(15_000 + 600);
  });

  it('answers after all, is asked no more', async () => {
    const publisher = recordingPublisher((n, { options }) => (n < 3 ? refuse() : of(receiptAt(options.address))));

    const { time, outcomes } = run(publisher, [fakeDelivery()]);
    await time.flush();

    expect(outcomes).toMatchObject([{ kind: 'deadLettered', receipt: receiptAt('test.dlq') }]);
    expect(publisher.attempts).toHaveLength(3);
  });

  it('is closed, does not try again: the delivery goes back at once', async () => {
    const time = virtualTime();
    const closed = memoryTransport(memoryBroker({ scheduler: time }), { name: 'gone' });
    closed.drain().subscribe();
    await time.advanceBy(0);

    const { outcomes, at } = run(closed, [fakeDelivery()]);

    expect(at).toEqual([0]);
    expect(outcomes).toMatchObject([{ kind: 'retry', delay: 30_000, error: expect.any(DeadLetterRefusedError) }]);
    const [{ error }] = outcomes as unknown as [{ error: DeadLetterRefusedError }];
    expect((error.cause as AggregateError).errors).toEqual([boom, new TransportClosedError('gone')]);
  });

  it('has no stream, is not taken for one that stored it', async () => {
    const time = virtualTime();
    const transport = memoryTransport(memoryBroker({ scheduler: time }));
    transport.subscribe({ address: 'test.dlq' }).subscribe();

    const { time: clock, outcomes } = run(transport, [fakeDelivery()]);
    await clock.flush();

    expect(outcomes).toMatchObject([{ kind: 'retry', error: expect.any(DeadLetterRefusedError) }]);
  });

  it('refuses one, stores the others meanwhile', async () => {
    const publisher = recordingPublisher((_, { event, options }) =>
      event.id === '1' ? refuse() : of(receiptAt(options.address)),
    );

    const { time, outcomes } = run(publisher, [nthDelivery(1), nthDelivery(2), nthDelivery(3)]);
    await time.flush();

    expect(outcomes.map(({ kind, delivery }) => `${kind} ${delivery.event.id}`)).toEqual([
      'deadLettered 2',
      'deadLettered 3',
      'retry 1',
    ]);
  });
});

describe('deadLetter, when nothing would come again', () => {
  it('keeps trying until it is stored', async () => {
    const publisher = recordingPublisher((n, { options }) => (n < 50 ? refuse() : of(receiptAt(options.address))));

    const { time, outcomes } = run(publisher, [last()]);
    await time.flush();

    expect(publisher.attempts).toHaveLength(50);
    expect(outcomes).toMatchObject([{ kind: 'deadLettered' }]);
  });

  it('keeps trying although its own policy stops', async () => {
    const publisher = recordingPublisher((n, { options }) => (n < 20 ? refuse() : of(receiptAt(options.address))));

    const { time, outcomes } = run(publisher, [last()], { ...quiet, backoff: never() });
    await time.flush();

    expect(outcomes).toMatchObject([{ kind: 'deadLettered' }]);
  });

  it('waits no longer than 5 s between two attempts', async () => {
    const publisher = recordingPublisher(refuse);

    const { time, subscription } = run(publisher, [last()]);
    await time.advanceBy(600_000);
    subscription.unsubscribe();

    expect(publisher.attempts.length).toBeGreaterThanOrEqual(120);
  });

  it('hands back even so what is unsubscribed', async () => {
    const delivery = last();

    const { time, subscription } = run(recordingPublisher(refuse), [delivery]);
    await time.advanceBy(60_000);
    subscription.unsubscribe();

    expect(delivery.calls).toMatchObject([{ kind: 'nak', delay: 0 }]);
    expect(time.pending).toBe(0);
  });
});

describe('deadLetter, with callbacks', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("sends the delivery back when 'to' throws", () => {
    const publisher = recordingPublisher();
    const to = () => {
      throw full;
    };

    const { outcomes } = run(publisher, [fakeDelivery()], { to, ...quiet });

    expect(outcomes).toMatchObject([{ kind: 'retry', delay: 30_000, error: expect.any(DeadLetterRefusedError) }]);
    const [{ error }] = outcomes as unknown as [{ error: DeadLetterRefusedError }];
    expect((error.cause as AggregateError).errors).toEqual([boom, full]);
    expect(publisher.attempts).toEqual([]);
  });

  it('sends the delivery back when the policy throws', () => {
    const backoff = () => {
      throw full;
    };

    const { outcomes } = run(recordingPublisher(refuse), [fakeDelivery()], { backoff, ...quiet });

    expect(outcomes).toMatchObject([{ kind: 'retry', error: expect.any(DeadLetterRefusedError) }]);
  });

  it('tells of each refusal, and of the delivery that it concerns', async () => {
    const told: unknown[] = [];
    const delivery = fakeDelivery();
    const onRefused: DeadLetterOptions['onRefused'] = (error, refused) => told.push([error.cause, refused]);

    const { time } = run(recordingPublisher(refuse), [delivery], { onRefused });
    await time.flush();

    expect(told).toEqual([
      [full, delivery],
      [full, delivery],
      [full, delivery],
    ]);
  });

  it('loses nothing when the one that is told throws', async () => {
    const onRefused = () => {
      throw new Error('told');
    };

    const { time, outcomes } = run(recordingPublisher(refuse), [fakeDelivery()], { onRefused });
    await time.flush();

    expect(outcomes).toMatchObject([{ kind: 'retry', error: expect.any(DeadLetterRefusedError) }]);
  });

  it('warns once for each subscription where nobody is told', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);

    const { time } = run(recordingPublisher(refuse), [nthDelivery(1), nthDelivery(2)], {});
    await time.flush();

    expect(warnings.mock.calls).toEqual([[new DeadLetterRefusedError('test.dlq')]]);
  });

  it('takes whatever was thrown for a reason', () => {
    const receipts: Receipt[] = [];
    const thrown = Object.create(null) as unknown;

    of<Outcome>(failed(fakeDelivery(), thrown))
      .pipe(deadLetter(recordingPublisher()), settle())
      .subscribe((outcome) => outcome.kind === 'deadLettered' && receipts.push(outcome.receipt));

    expect(receipts).toEqual([receiptAt('test.dlq')]);
  });
});

describe('deadLetter, before settle', () => {
  it('has what cannot be stored handed back, for as long as it was told to', () => {
    const delivery = fakeDelivery();

    of<Outcome>(failed(delivery))
      .pipe(deadLetter(recordingPublisher(refuse), { backoff: never(), returnDelay: 7_000, ...quiet }), settle())
      .subscribe();

    expect(delivery.calls).toMatchObject([{ kind: 'nak', delay: 7_000 }]);
  });
});
