import {
  closeCodes,
  constant,
  createEvent,
  type HeartbeatEvent,
  openChannel,
  openSession,
  type ServedSession,
  SessionCloseError,
  STOP,
  serveSessions,
  sessionHeartbeats,
} from 'millrace';
import { concat, interval, map, NEVER, Observable, of, range, Subject, take, throwError, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hubOf } from '../../../src/patterns/sessions/hub.ts';
import { see, sessionRig } from './session-rig.ts';

const BEAT = 10_000;

describe('a session', () => {
  it('brings what the handler emits, in order, completes with it, and leaves nothing behind', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const requests: unknown[] = [];
    const { ends } = serve((request, session) => {
      requests.push(request, session.offset);
      return of(1, { two: 2 }, null, 'four');
    });

    const seen = see(openSession(consumer, 's', { all: true }), time);
    await time.advanceBy(0);

    expect(seen.values).toEqual([1, { two: 2 }, null, 'four']);
    expect(seen.completed).toBe(true);
    expect(requests).toEqual([{ all: true }, 0]);
    expect(ends).toMatchObject([{ kind: 'completed', address: 's', sent: 4, dropped: 0, closeCode: 1000, text: '' }]);
    expect([hubOf(producer.wire).size, hubOf(consumer.wire).size, time.pending]).toEqual([0, 0, 0]);
  });

  it.each([
    ['a value', () => 7, [7]],
    ['a promise', () => Promise.resolve(7), [7]],
    ['nothing', () => undefined, []],
    ['a list', () => [1, 2], [1, 2]],
    ['a generator', () => range3(), [0, 1, 2]],
    ['an async generator', () => laterRange3(), [0, 1, 2]],
  ])('takes %s of a handler', async (_, handler, values) => {
    const { serve, consumer, time } = sessionRig();
    serve(handler);

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.values).toEqual(values);
    expect(seen.completed).toBe(true);
  });

  it('is cancelled by unsubscribing: the handler stops at once', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    let stopped = false;
    let signal: AbortSignal | undefined;
    const { ends } = serve((_, session) => {
      signal = session.signal;
      return new Observable<number>((subscriber) => {
        subscriber.next(1);
        return () => {
          stopped = true;
        };
      });
    });

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);
    expect([stopped, signal?.aborted]).toEqual([false, false]);
    seen.close();

    expect([stopped, signal?.aborted, seen.values]).toEqual([true, true, [1]]);
    expect(ends).toMatchObject([{ kind: 'cancelled', sent: 1, closeCode: 1001 }]);
    expect([hubOf(producer.wire).size, hubOf(consumer.wire).size]).toEqual([0, 0]);
  });

  it('ends an iterator that is cancelled', async () => {
    const { serve, consumer, time } = sessionRig();
    let ended = 0;
    function* endless() {
      try {
        for (let n = 0; ; n += 1) yield n;
      } finally {
        ended += 1;
      }
    }
    async function* endlessLater() {
      yield* endless();
    }
    serve((request) => (request === 'later' ? endlessLater() : endless()));

    for (const request of ['now', 'later']) {
      const seen = see(openSession<number>(consumer, 's', request).pipe(take(3)), time);
      await time.advanceBy(0);
      expect(seen.values).toEqual([0, 1, 2]);
    }

    expect(ended).toBe(2);
  });

  it.each([
    ['throws', () => fail(new Error('no')), 5000, 'no'],
    ['fails', () => throwError(() => new Error('no')), 5000, 'no'],
    ['rejects', () => Promise.reject(new Error('no')), 5000, 'no'],
    ['throws what is no error', () => fail('no'), 5000, 'no'],
    ['closes with a code of its own', () => fail(new SessionCloseError(4_242, 'mine')), 4_242, 'mine'],
    ['emits what cannot be written', () => of(1n), 5000, 'Do not know how to serialize a BigInt'],
  ])('fails when its handler %s', async (_, handler, closeCode, text) => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(handler as () => Observable<unknown>);

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ name: 'SessionCloseError', code: 'SESSION_CLOSED', closeCode, text });
    expect(ends).toMatchObject([{ kind: 'failed', closeCode, text }]);
  });

  it('brings what came before a failure', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() =>
      concat(
        of(1, 2),
        throwError(() => new Error('no')),
      ),
    );

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.values).toEqual([1, 2]);
    expect(String(seen.error)).toBe('SessionCloseError: The session was closed: 5000 (internal server error): no');
  });

  it('fails at once where nobody serves it', async () => {
    const { consumer, time } = sessionRig();

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ name: 'NoRespondersError', address: 's' });
    expect(hubOf(consumer.wire).size).toBe(0);
  });

  it('is refused where its request cannot be read, and the handler never runs', async () => {
    const { serve, consumer, time } = sessionRig();
    let ran = false;
    const { ends } = serve(() => {
      ran = true;
    });

    const seen = see(openSession(consumer, 's', 'no JSON', { requestCodec: 'text' }), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ closeCode: 4000, text: 'the request is not what the codec of requests reads' });
    expect(ends).toMatchObject([{ kind: 'refused', closeCode: 4000 }]);
    expect(ran).toBe(false);
  });

  it('is refused where there are too many', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => NEVER, { maxSessions: 1 });

    const first = see(openSession(consumer, 's', null), time);
    const second = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);
    first.close();
    const third = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(second.error).toMatchObject({ closeCode: closeCodes.tryAgainLater });
    expect(third.error).toBeUndefined();
  });

  it('carries bytes and text, empty ones too', async () => {
    const { serve, consumer, time } = sessionRig();
    const bytes = [new Uint8Array([0, 255]), new Uint8Array(0)];
    serve((codec) => (codec === 'text' ? of('å', '') : of(...bytes)), { codec: { encode, decode: (data) => data } });
    function encode(value: unknown): Uint8Array {
      return typeof value === 'string' ? new TextEncoder().encode(value) : (value as Uint8Array);
    }

    const asBytes = see(openSession<Uint8Array>(consumer, 's', 'bytes', { codec: 'bytes' }), time);
    const asText = see(openSession(consumer, 's', 'text', { codec: 'text' }), time);
    await time.advanceBy(0);

    expect(asBytes.values.map((value) => [...value])).toEqual([[0, 255], []]);
    expect(asText.values).toEqual(['å', '']);
  });

  it('carries events, and checks them on both sides', async () => {
    const { serve, gate, consumer, time } = sessionRig();
    const event = createEvent({ id: '1', source: '/s', type: 'a', data: { n: 1 } });
    serve(() => of(event, { ...event, id: '' }), { codec: 'event' });
    serveSessions(gate('/other'), 'json', () => of(event, { no: 'event' })).subscribe();

    const seen = see(openSession(consumer, 's', null, { codec: 'event' }), time);
    const other = see(openSession(consumer, 'json', null, { codec: 'event' }), time);
    await time.advanceBy(0);

    expect([seen.values, other.values]).toEqual([[event], [event]]);
    expect(seen.error).toMatchObject({ closeCode: 5000, text: expect.stringContaining("'id'") });
    expect(other.error).toMatchObject({ closeCode: 1003, cause: { name: 'DecodeError' } });
  });

  it('ends with 1003 on both sides where a value cannot be read', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => concat(of('no JSON'), NEVER), { codec: 'text' });

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ closeCode: 1003, cause: { name: 'DecodeError' } });
    expect(ends).toMatchObject([{ kind: 'cancelled', closeCode: 1003 }]);
  });

  it('is served by one of those who share a queue', async () => {
    const { serve, gate, consumer, time } = sessionRig();
    const served: string[] = [];
    serve(() => {
      served.push('one');
    });
    serveSessions(gate('/other'), 's', () => {
      served.push('other');
    }).subscribe();

    for (let n = 0; n < 4; n += 1) see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(served.sort()).toEqual(['one', 'one', 'other', 'other']);
  });

  it('is served once, where several serve it without a queue', async () => {
    const { serve, gate, consumer, time } = sessionRig();
    const { ends } = serve(() => concat(of('one'), NEVER), { queue: false });
    const others: string[] = [];
    serveSessions(gate('/other'), 's', () => NEVER, { queue: false }).subscribe(({ kind }) => others.push(kind));

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect(seen.values).toEqual(['one']);
    expect([ends.length, others]).toEqual([0, ['cancelled']]);
  });
});

describe('the credit of a session', () => {
  it('bounds what is sent to a consumer that stands still, and goes on when it does', async () => {
    const { serve, consumer, time } = sessionRig();
    let made = 0;
    serve(function* numbers() {
      for (;;) {
        made += 1;
        yield made;
      }
    });
    const demand = new Subject<number>();

    const seen = see(openSession(consumer, 's', null, { demand }), time);
    await time.advanceBy(3 * BEAT);
    expect([made, seen.values.length]).toEqual([0, 0]);
    demand.next(5);
    await time.advanceBy(0);
    expect([made, seen.values]).toEqual([5, [1, 2, 3, 4, 5]]);
    demand.next(1);
    demand.next(2);
    await time.advanceBy(0);

    expect([made, seen.values.length, seen.error]).toEqual([8, 8, undefined]);
  });

  it('is granted anew as values are consumed', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => Array.from({ length: 1_000 }, (_, n) => n));

    const seen = see(openSession(consumer, 's', null, { window: 10 }), time);
    await time.advanceBy(0);

    expect(seen.values).toHaveLength(1_000);
    expect(consumer.sent.filter(({ text }) => text.includes('"type":4')).length).toBeLessThanOrEqual(200);
  });

  it.each([
    ['error', [1, 2], 5000],
    ['drop-oldest', [1, 2, 9, 10], 1000],
    ['drop-newest', [1, 2, 3, 4], 1000],
    ['latest', [1, 2, 10], 1000],
  ] as const)('has an Observable that cannot wait: %s', async (overflow, values, closeCode) => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => range(1, 10), { buffer: 2, overflow });
    const demand = new Subject<number>();

    const seen = see(openSession(consumer, 's', null, { demand }), time);
    // What an Observable emits before the consumer has said what it wants waits, too.
    const more = see(openSession(consumer, 's', null, { window: 2 }), time);
    await time.advanceBy(0);
    demand.next(100);
    await time.advanceBy(0);

    expect(more.values).toEqual(values);
    expect(ends.map((end) => end.closeCode)).toContain(closeCode);
    expect(seen.values.length).toBeLessThanOrEqual(2);
  });

  it('is of one session: a slow one holds up no other', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => interval(10, time), { overflow: 'drop-oldest', buffer: 1 });

    const slow = see(openSession(consumer, 's', null, { demand: of(1) }), time);
    const quick = see(openSession(consumer, 's', null), time);
    await time.advanceBy(1_000);

    expect([slow.values.length, quick.values.length]).toEqual([1, 100]);
  });

  it('may be for everything, and not for less than nothing', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => Array.from({ length: 1_000 }, (_, n) => n));

    const all = see(openSession(consumer, 's', null, { demand: of(Number.POSITIVE_INFINITY) }), time);
    const less = see(openSession(consumer, 's', null, { demand: of(-1) }), time);
    await time.advanceBy(0);

    expect([all.values.length, all.completed]).toEqual([1_000, true]);
    expect(less.error).toMatchObject({ name: 'RangeError' });
  });

  it('ends the session when the demand fails', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const failure = new Error('I cannot');

    const seen = see(openSession(consumer, 's', null, { demand: throwError(() => failure) }), time);
    await time.advanceBy(0);

    expect(seen.error).toBe(failure);
    expect(ends.length).toBeLessThanOrEqual(1);
  });

  it('that is lost on the way comes with the next heartbeat', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => Array.from({ length: 20 }, (_, n) => n));
    consumer.lose(/"type":4/, 2);

    const seen = see(openSession(consumer, 's', null, { window: 2 }), time);
    await time.advanceBy(0);
    expect(seen.values.length).toBeLessThan(20);
    await time.advanceBy(BEAT);

    expect(seen.values).toHaveLength(20);
  });
});

describe('what is lost of a session', () => {
  it('is an error when a value is missing, and the producer is told', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const { ends } = serve(() => interval(10, time).pipe(map((n) => n + 1)));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(25);

    producer.lose(/"type":1/, 2);
    await time.advanceBy(100);

    expect(seen.values).toEqual([1, 2]);
    expect(seen.error).toMatchObject({ closeCode: 1006, text: 'values 3 to 4 were lost on the way' });
    expect(ends).toMatchObject([{ kind: 'cancelled', closeCode: 1006 }]);
  });

  it('is found by the end, and by a heartbeat where nothing follows', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve((request) => concat(of(1), timer(100, time), request === 'end' ? timer(100, time) : NEVER));
    const ending = see(openSession(consumer, 's', 'end'), time);
    const idle = see(openSession(consumer, 's', 'idle'), time);
    await time.advanceBy(50);

    producer.lose(/"type":1/, 3);
    await time.advanceBy(300);
    expect(ending.error).toMatchObject({ closeCode: 1006, text: 'values 2 to 3 were lost on the way' });
    expect(idle.error).toBeUndefined();
    await time.advanceBy(BEAT);

    expect(idle.error).toMatchObject({ closeCode: 1006, text: 'value 2 was lost on the way' });
  });

  it('is no second copy of a value', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => concat(of(1, 2), NEVER));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    for (const { to, text } of producer.sent.filter(({ text }) => text.includes('"type":1')))
      producer.wire.publish(to, text);
    await time.advanceBy(0);

    expect(seen.values).toEqual([1, 2]);
    expect(seen.error).toBeUndefined();
  });

  it('is asked for again where it resumes: from after the last value that came', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const offsets: number[] = [];
    serve((_, { offset }) => {
      offsets.push(offset);
      return interval(10, time).pipe(map((n) => offset + n + 1));
    });
    const seen = see(openSession<number>(consumer, 's', null, { resume: constant(500) }).pipe(take(10)), time);
    await time.advanceBy(25);

    producer.lose(/"type":1/, 2);
    await time.advanceBy(1_000);

    expect(seen.values).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(offsets).toEqual([0, 2]);
    expect(seen.completed).toBe(true);
  });

  it.each([
    ['5000', () => throwError(() => new Error('no')), 5000],
    ['a code of its own', () => throwError(() => new SessionCloseError(4_001)), 4_001],
  ])('is not asked for again where the producer has ended it with %s', async (_, handler, closeCode) => {
    const { serve, consumer, time } = sessionRig();
    serve(handler);

    const seen = see(openSession(consumer, 's', null, { resume: true }), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ closeCode });
  });

  it('is given up when the policy says so, with the last error', async () => {
    const { consumer, time } = sessionRig();
    const policy = (attempt: number) => (attempt > 3 ? STOP : 100);

    const seen = see(openSession(consumer, 's', null, { resume: policy }), time);
    await time.advanceBy(10_000);

    expect(seen.error).toMatchObject({ name: 'NoRespondersError' });
    expect(seen.endedAt).toBe(300);
  });
});

describe('the heartbeats of sessions', () => {
  it('are one question and one answer for each consumer and beat, whatever the number of its sessions', async () => {
    const { serve, producer, consumer, gate, time } = sessionRig();
    const other = gate('/other');
    serve(() => NEVER);
    const beats: HeartbeatEvent[] = [];
    sessionHeartbeats(producer).subscribe((event) => beats.push(event));
    for (let n = 0; n < 100; n += 1) see(openSession(consumer, 's', null), time);
    see(openSession(other, 's', null), time);
    await time.advanceBy(BEAT - 1);
    producer.sent.length = 0;
    consumer.sent.length = 0;

    await time.advanceBy(3 * BEAT);

    expect(producer.sent).toHaveLength(6);
    expect(consumer.sent.map(({ text }) => text)).toEqual(['{}', '{}', '{}']);
    expect(
      beats.filter(({ kind }) => kind === 'asked').map((beat) => ('sessions' in beat ? beat.sessions : 0)),
    ).toEqual([100, 1, 100, 1, 100, 1]);
    expect(beats.filter(({ kind }) => kind === 'answered')).toHaveLength(6);
  });

  it('are in several messages where there is no room for all in one', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => concat(of(1), NEVER));
    for (let n = 0; n < 20_000; n += 1) openSession(consumer, 's', null).subscribe();
    await time.advanceBy(1);
    producer.sent.length = 0;

    await time.advanceBy(2 * BEAT);

    const beats = producer.sent.map(({ text }) => JSON.parse(text) as { ActiveStreamIds: { s: string[] } });
    const ids = beats.map(({ ActiveStreamIds: { s } }) => s.length);
    expect(producer.sent.every(({ text }) => text.length < 1_048_576)).toBe(true);
    expect([ids.slice(0, 2).reduce((sum, each) => sum + each), ids.slice(2)]).toEqual([20_000, [20_000]]);
  });

  it('are told at the consumer, too', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => NEVER);
    const beats: HeartbeatEvent[] = [];
    sessionHeartbeats(consumer).subscribe((event) => beats.push(event));
    see(openSession(consumer, 's', null), time);

    await time.advanceBy(2 * BEAT);

    expect(beats).toEqual([
      { kind: 'heard', sessions: 1, inactive: 0 },
      { kind: 'heard', sessions: 1, inactive: 0 },
    ]);
  });

  it('show a dead producer to its consumers in under three beats', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT + 1);

    producer.cut();
    const diedAt = time.now();
    await time.advanceBy(3 * BEAT);

    expect(seen.error).toMatchObject({ closeCode: 1006, text: 'the producer was silent for 25000 ms' });
    expect((seen.endedAt as number) - diedAt).toBeLessThan(3 * BEAT);
    expect(hubOf(consumer.wire).size).toBe(0);
  });

  it('show a dead consumer to its producers in under three beats, whose handlers stop', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    let stopped = 0;
    const { ends } = serve(() => new Observable(() => () => (stopped += 1)));
    for (let n = 0; n < 10; n += 1) see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT + 1);

    consumer.cut();
    await time.advanceBy(3 * BEAT - 1);

    expect(stopped).toBe(10);
    expect(ends.map(({ kind, closeCode }) => [kind, closeCode])).toEqual(Array(10).fill(['lost', 1006]));
    expect(hubOf(producer.wire).size).toBe(0);
  });

  it('may be missed once', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT + 1);

    producer.lose(/ActiveStreamIds/, 1);
    await time.advanceBy(5 * BEAT);

    expect([seen.error, ends]).toEqual([undefined, []]);
  });

  it('say nothing while there is no connection, and begin anew with it', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT + 1);

    for (const gate of [producer, consumer]) {
      gate.cut();
      gate.connected(false);
    }
    await time.advanceBy(100 * BEAT);
    for (const gate of [producer, consumer]) {
      gate.mend();
      gate.connected(true);
    }
    await time.advanceBy(5 * BEAT);

    expect([seen.error, ends]).toEqual([undefined, []]);
  });

  it('find a session that its consumer does not have any more', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT / 2);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(1);
    consumer.lose(/"type":5/, 1);

    seen.close();
    await time.advanceBy(BEAT);
    expect(ends).toEqual([]); // it was younger than a beat when it was asked for
    await time.advanceBy(BEAT / 2);

    expect(ends).toMatchObject([{ kind: 'lost', text: 'the consumer does not have it any more' }]);
  });

  it('find a session whose end was lost', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => timer(100, time));
    const seen = see(openSession(consumer, 's', null), time);

    producer.lose(/"type":2/, 1);
    await time.advanceBy(3 * BEAT);

    expect(seen.values).toEqual([0]);
    expect(seen.error).toMatchObject({ closeCode: 1006 });
  });

  it('to a dead consumer hold up neither those to others nor new sessions', async () => {
    const { serve, consumer, gate, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const dead = [1, 2, 3].map((n) => gate(`/dead${n}`));
    for (const each of dead) see(openSession(each, 's', null), time);
    const seen = see(openSession(consumer, 's', null), time);
    for (const each of dead) each.cut();

    await time.advanceBy(2 * BEAT);
    const late = see(openSession(consumer, 's', null), time);
    await time.advanceBy(2 * BEAT);

    expect([seen.error, late.error]).toEqual([undefined, undefined]);
    expect(ends.map(({ kind }) => kind)).toEqual(['lost', 'lost', 'lost']);
  });

  it('are not set going by a session that is never opened', async () => {
    const { consumer, gate, time } = sessionRig();
    gate('/deaf').wire.listen(
      's',
      undefined,
      () => undefined,
      () => undefined,
    );

    const seen = see(openSession(consumer, 's', null, { openTimeout: 1_000 }), time);
    await time.advanceBy(1_100);

    expect(seen.error).toMatchObject({ name: 'RequestTimeoutError', address: 's', timeout: 1_000 });
    expect(time.pending).toBe(0);
  });
});

describe('the end of a session', () => {
  it('by a drain comes after what is on its way', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const { ends } = serve(() => range(1, 5), { buffer: 10 });
    const demand = new Subject<number>();
    const seen = see(openSession(consumer, 's', null, { demand }), time);
    const endless = see(openSession(consumer, 's', null, { window: 2 }), time);
    await time.advanceBy(0);

    const drained = see(producer.transport.drain({ grace: 1_000 }), time);
    demand.next(3);
    await time.advanceBy(500);
    expect(drained.completed).toBe(false);
    demand.next(10);
    await time.advanceBy(0);

    expect(seen.values).toEqual([1, 2, 3, 4, 5]);
    expect(seen.completed).toBe(true);
    expect(endless.completed).toBe(true);
    expect(drained.completed).toBe(true);
    expect(ends.map(({ kind }) => kind)).toEqual(['completed', 'completed']);
  });

  it('by a drain is 1001 for those that would go on, and for those that want nothing when the grace is over', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => concat(of(1), NEVER), { buffer: 10 });
    const open = see(openSession(consumer, 's', null), time);
    const still = see(openSession(consumer, 's', null, { demand: NEVER }), time);
    await time.advanceBy(0);

    const drained = see(producer.transport.drain({ grace: 1_000 }), time);
    await time.advanceBy(999);
    expect(open.error).toMatchObject({ closeCode: 1001, text: 'the producer was drained' });
    expect([still.error, drained.completed]).toEqual([undefined, false]);
    await time.advanceBy(1);

    expect(still.error).toMatchObject({ closeCode: 1001 });
    expect(drained.completed).toBe(true);
  });

  it('by unsubscribing the server is 1001, at once', async () => {
    const { serve, consumer, time } = sessionRig();
    const { stop } = serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    stop();

    expect(seen.error).toMatchObject({ closeCode: 1001 });
    expect(see(openSession(consumer, 's', null), time).error).toMatchObject({ name: 'NoRespondersError' });
  });

  it('of all, with the transport, leaves no address behind', async () => {
    const { serve, producer, consumer, gate, time } = sessionRig();
    serve(() => NEVER);
    see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);
    const addresses = [producer, consumer].flatMap(({ wire }) => [
      `${hubOf(wire).prefix}x`,
      hubOf(wire).heartbeatAddress,
    ]);

    for (const { transport } of [consumer, producer]) see(transport.drain(), time);
    await time.advanceBy(0);

    const other = gate('/other');
    let unheard = 0;
    const count = ({ unheard: is }: { readonly unheard: boolean }) => {
      if (is) unheard += 1;
    };
    other.wire.listen('back', undefined, count, () => undefined);
    for (const address of addresses) other.wire.publish(address, '', 'back');
    expect(unheard).toBe(4);
  });

  it('by a drain of the consumer is told to both', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    see(consumer.transport.drain(), time);
    await time.advanceBy(0);

    expect(seen.error).toMatchObject({ name: 'TransportClosedError', transport: '/consumer' });
    expect(ends).toMatchObject([{ kind: 'cancelled', closeCode: 1001 }]);
    expect(see(openSession(consumer, 's', null), time).error).toMatchObject({ name: 'TransportClosedError' });
  });
});

describe('a channel', () => {
  it('carries values both ways, and ends each way by itself', async () => {
    const { serve, consumer, time } = sessionRig();
    const incoming: unknown[] = [];
    serve((_, session: ServedSession) => {
      const heard = new Observable((subscriber) =>
        session.incoming$.subscribe({
          next: (value) => {
            incoming.push(value);
            subscriber.next(Number(value) * 2);
          },
          complete: () => incoming.push('completed'),
        }),
      );
      return heard.pipe(take(3));
    });
    const outgoing = new Subject<number>();

    const seen = see(openChannel(consumer, 's', null, outgoing), time);
    await time.advanceBy(0);
    outgoing.next(1);
    outgoing.next(2);
    await time.advanceBy(0);
    expect(seen.values).toEqual([2, 4]);
    outgoing.next(3);
    await time.advanceBy(0);

    expect(seen.values).toEqual([2, 4, 6]);
    expect(seen.completed).toBe(true);
    expect(outgoing.observed).toBe(false);
    expect(incoming).toEqual([1, 2, 3]);
  });

  it('is half closed when its consumer has sent all', async () => {
    const { serve, consumer, time } = sessionRig();
    let completed = false;
    serve((_, { incoming$ }) =>
      concat(
        new Observable((subscriber) =>
          incoming$.subscribe({
            next: (value) => subscriber.next(value),
            complete: () => {
              completed = true;
              subscriber.complete();
            },
          }),
        ),
        timer(1_000, time),
      ),
    );

    const seen = see(openChannel(consumer, 's', null, of('a', 'b')), time);
    await time.advanceBy(0);
    expect([completed, seen.values, seen.completed]).toEqual([true, ['a', 'b'], false]);
    await time.advanceBy(1_000);

    expect([seen.values, seen.completed]).toEqual([['a', 'b', 0], true]);
  });

  it('bounds what its consumer sends to a producer that does not listen', async () => {
    const { serve, consumer, time } = sessionRig();
    let session: ServedSession | undefined;
    serve(
      (_, served) => {
        session = served;
        return NEVER;
      },
      { window: 4 },
    );
    const outgoing = range(1, 100);

    const seen = see(openChannel(consumer, 's', null, outgoing, { buffer: 200 }), time);
    await time.advanceBy(0);
    const sent = () => consumer.sent.filter(({ text }) => text.includes('"type":1')).length;
    expect(sent()).toBe(4);
    const heard = see((session as ServedSession).incoming$, time);
    await time.advanceBy(0);

    expect(heard.values).toHaveLength(100);
    expect(heard.completed).toBe(true);
    expect(seen.error).toBeUndefined();
  });

  it('ends where its consumer sends more than is wanted: nothing is kept without bound', async () => {
    const { serve, consumer, gate, time } = sessionRig();
    const { ends } = serve(() => NEVER, { window: 2 });
    see(openChannel(consumer, 's', null, of(1)), time);
    await time.advanceBy(0);
    const { to } = consumer.sent.find(({ text }) => text.includes('"type":1')) as { readonly to: string };

    for (const seq of [2, 3, 4]) gate('/greedy').wire.publish(to, `{"type":1,"data":"MQ==","seq":${seq}}`);
    await time.advanceBy(0);

    expect(ends).toMatchObject([{ kind: 'failed', closeCode: 1002, text: 'value 3 was sent, and 2 were wanted' }]);
  });

  it('fails on both sides when what its consumer sends does', async () => {
    const { serve, consumer, time } = sessionRig();
    const failures: unknown[] = [];
    serve((_, { incoming$ }) => {
      incoming$.subscribe({ error: (error: unknown) => failures.push(error) });
      return NEVER;
    });
    const failure = new Error('I cannot');

    const seen = see(
      openChannel(
        consumer,
        's',
        null,
        throwError(() => failure),
      ),
      time,
    );
    await time.advanceBy(0);

    expect(seen.error).toBe(failure);
    expect(failures).toMatchObject([{ name: 'SessionCloseError', closeCode: 5000, text: 'I cannot' }]);
  });

  it('has nothing incoming where it is only a session', async () => {
    const { serve, consumer, time } = sessionRig();
    serve((_, { incoming$ }) => incoming$);

    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect([seen.values, seen.completed]).toEqual([[], true]);
  });
});

describe('sessions', () => {
  it.each([
    ['an address with wildcards', () => openSession(sessionRig().consumer, 's.*', null), 'InvalidAddressError'],
    ['no window', () => openSession(sessionRig().consumer, 's', null, { window: 0 }), 'RangeError'],
    ['an endless window', () => openSession(sessionRig().consumer, 's', null, { window: Infinity }), 'RangeError'],
    ['no time to open', () => openSession(sessionRig().consumer, 's', null, { openTimeout: 0 }), 'RangeError'],
    ['no interval', () => openSession(sessionRig().consumer, 's', null, { heartbeat: { interval: 0 } }), 'RangeError'],
    ['half a miss', () => openSession(sessionRig().consumer, 's', null, { heartbeat: { misses: 0.5 } }), 'RangeError'],
    ['an unknown codec', () => openSession(sessionRig().consumer, 's', null, { codec: 'xml' as never }), 'TypeError'],
    ['a request that JSON cannot hold', () => openSession(sessionRig().consumer, 's', undefined), 'TypeError'],
    [
      'demand and window',
      () => openSession(sessionRig().consumer, 's', null, { demand: NEVER, window: 1 }),
      'TypeError',
    ],
    [
      'demand and an old peer',
      () => openSession(sessionRig().consumer, 's', null, { demand: NEVER, openTimeout: false }),
      'TypeError',
    ],
    ['a bad policy', () => openSession(sessionRig().consumer, 's', null, { resume: 5 as never }), 'TypeError'],
    [
      'a channel to an old peer',
      () => openChannel(sessionRig().consumer, 's', null, NEVER, { openTimeout: false }),
      'TypeError',
    ],
    [
      'a bad overflow',
      () => serveSessions(sessionRig().producer, 's', () => NEVER, { overflow: 'no' as never }),
      'TypeError',
    ],
    ['no handler', () => serveSessions(sessionRig().producer, 's', undefined as never), 'TypeError'],
    ['no sessions', () => serveSessions(sessionRig().producer, 's', () => NEVER, { maxSessions: 0 }), 'RangeError'],
    ['a bad queue', () => serveSessions(sessionRig().producer, 's', () => NEVER, { queue: 'a b' }), 'InvalidNameError'],
  ])('refuse %s', (_, make, name) => {
    expect(make).toThrow(expect.objectContaining({ name }) as Error);
  });

  it('tell of a request without a reply address, and of one that comes twice', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const told: string[] = [];
    producer.transport.status$.subscribe(({ kind }) => told.push(kind));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);
    const open = consumer.sent[0] as { readonly text: string };

    consumer.wire.publish('s', open.text);
    consumer.wire.publish('s', open.text, 'elsewhere');
    await time.advanceBy(0);

    expect(told).toEqual(['connected', 'dropped', 'error']);
    expect([seen.error, ends]).toEqual([undefined, []]);
  });
});

function fail(error: unknown): never {
  throw error;
}

function* range3(): Generator<number> {
  for (const n of [0, 1, 2]) yield n;
}

async function* laterRange3(): AsyncGenerator<number> {
  yield* range3();
}
