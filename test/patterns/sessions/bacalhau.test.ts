// Peers that speak the protocol of bacalhau's streams and nothing else, with the bytes that they send and expect; and what
// was weak there.
import { openSession, type RawMessage, serveSessions } from 'millrace';
import { concat, interval, NEVER, Observable, of, Subject, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { hubOf } from '../../../src/patterns/sessions/hub.ts';
import { SendingFlow } from '../../../src/patterns/sessions/outflow.ts';
import { type Gate, see, sessionRig } from './session-rig.ts';

const BEAT = 10_000;
const decoder = new TextDecoder();

/** Everything that arrives at an address, as text. */
function arrivals(peer: Gate, pattern: string): (RawMessage & { readonly text: string })[] {
  const seen: (RawMessage & { readonly text: string })[] = [];
  peer.wire.listen(
    pattern,
    undefined,
    (message) => seen.push({ ...message, text: decoder.decode(message.data) }),
    () => undefined,
  );
  return seen;
}

describe('a producer of bacalhau', () => {
  /** Asks one for a session, as a consumer that has been told what it is. */
  function asked() {
    const { producer: peer, consumer, time } = sessionRig();
    const requests = arrivals(peer, 's');
    const seen = see(
      openSession<Uint8Array>(consumer, 's', { tail: true }, { codec: 'bytes', openTimeout: false }),
      time,
    );
    const [request] = requests as [RawMessage & { readonly text: string }];
    const open = JSON.parse(request.text) as Record<string, string>;
    const reply = request.reply as string;
    return { peer, consumer, time, seen, request, open, reply, send: (text: string) => peer.wire.publish(reply, text) };
  }

  it('is asked with its own fields, and no others', () => {
    const { request, open, reply } = asked();

    const [, base, token] = /^(_SINBOX\.[0-9A-Za-z]{22})\.([0-9A-Za-z]{22})$/.exec(reply) ?? [];
    expect(request.text).toBe(
      `{"consumerId":"${base}.","streamId":"${token}","heartBeatRequestSub":"_HEARTBEAT.${base}","body":"eyJ0YWlsIjp0cnVlfQ=="}`,
    );
    expect(Object.keys(open)).toEqual(['consumerId', 'streamId', 'heartBeatRequestSub', 'body']);
  });

  it('has its values and its normal end understood, an empty value too', () => {
    const { seen, send } = asked();

    send('{"type":1,"data":"dGVzdCBkYXRh"}');
    send('{"type":1}');
    send('{"type":0}');
    send('{"type":2,"closeError":{"Code":1000,"Text":""}}');

    expect(seen.values.map((value) => decoder.decode(value))).toEqual(['test data', '']);
    expect(seen.completed).toBe(true);
  });

  it.each([
    ['{"type":2,"closeError":{"Code":5000,"Text":"handler failed"}}', 5000, 'handler failed'],
    ['{"type":2,"closeError":{"Code":4000,"Text":""}}', 4000, ''],
    ['no JSON', 1003, /must be JSON in UTF-8/],
    ['{"type":1,"data":"%"}', 1003, /'data' must be base64/],
    ['[]', 1003, /must be a JSON object/],
  ])('ends a session with %s', (text, closeCode, reason) => {
    const { seen, send, consumer } = asked();

    send(text);

    expect(seen.error).toMatchObject({
      closeCode,
      text: typeof reason === 'string' ? reason : expect.stringMatching(reason),
    });
    expect(hubOf(consumer.wire).size).toBe(0);
  });

  it('is told of the sessions that there are not, and of nothing else', async () => {
    const { peer, open, seen, time } = asked();
    const answers = arrivals(peer, 'answer');
    const ask = (ids: object) =>
      peer.wire.publish(open['heartBeatRequestSub'] as string, JSON.stringify({ ActiveStreamIds: ids }), 'answer');

    ask({ s: [open['streamId']] });
    ask({ s: [open['streamId'], 'aaaaaaaa'], t: ['bbbbbbbb'] });
    seen.close();
    ask({ s: [open['streamId']] });
    await time.advanceBy(0);

    expect(answers.map(({ text }) => text)).toEqual([
      '{}',
      '{"NonActiveStreamIds":{"s":["aaaaaaaa"],"t":["bbbbbbbb"]}}',
      `{"NonActiveStreamIds":{"s":["${open['streamId']}"]}}`,
    ]);
  });

  it('is kept for alive by its heartbeats, and is gone without', async () => {
    const { peer, open, seen, time } = asked();
    arrivals(peer, 'answer');
    const ask = () =>
      peer.wire.publish(
        open['heartBeatRequestSub'] as string,
        `{"ActiveStreamIds":{"s":["${open['streamId']}"]}}`,
        'answer',
      );
    for (let beat = 0; beat < 10; beat += 1) {
      await time.advanceBy(BEAT);
      ask();
    }
    expect(seen.error).toBeUndefined();

    await time.advanceBy(3 * BEAT);

    expect(seen.error).toMatchObject({ closeCode: 1006 });
  });
});

describe('a consumer of bacalhau', () => {
  const open = (token = 'Ab3dE6gH') =>
    `{"consumerId":"_SINBOX.old.","streamId":"${token}","heartBeatRequestSub":"_HEARTBEAT._SINBOX.old","body":"eyJ0YWlsIjp0cnVlfQ=="}`;

  it('gets values and their end in its own messages, and no others', async () => {
    const { serve, consumer: peer, time } = sessionRig();
    const requests: unknown[] = [];
    const { ends } = serve(
      (request) => {
        requests.push(request);
        return of('test data', '');
      },
      { codec: 'text', requestCodec: 'json' },
    );
    const seen = arrivals(peer, '_SINBOX.old.*');

    peer.wire.publish('s', open(), '_SINBOX.old.Ab3dE6gH');
    await time.advanceBy(0);

    expect(requests).toEqual([{ tail: true }]);
    expect(seen.map(({ address, text }) => [address, text])).toEqual([
      ['_SINBOX.old.Ab3dE6gH', '{"type":1,"data":"dGVzdCBkYXRh"}'],
      ['_SINBOX.old.Ab3dE6gH', '{"type":1}'],
      ['_SINBOX.old.Ab3dE6gH', '{"type":2,"closeError":{"Code":1000,"Text":""}}'],
    ]);
    expect(ends).toMatchObject([{ kind: 'completed', sent: 2 }]);
  });

  it('is asked for all its sessions once a beat, and has those stopped that it does not have', async () => {
    const { serve, consumer: peer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const beats = arrivals(peer, '_HEARTBEAT._SINBOX.old');
    for (const token of ['Ab3dE6gH', 'Bb3dE6gH']) peer.wire.publish('s', open(token), `_SINBOX.old.${token}`);

    await time.advanceBy(BEAT);
    expect(beats.map(({ text }) => text)).toEqual(['{"ActiveStreamIds":{"s":["Ab3dE6gH","Bb3dE6gH"]}}']);
    peer.wire.publish(beats[0]?.reply as string, '{"NonActiveStreamIds":{"s":["Ab3dE6gH"]}}');
    await time.advanceBy(BEAT);

    expect(ends).toMatchObject([{ kind: 'lost', id: '_SINBOX.old.Ab3dE6gH' }]);
    expect(beats[1]?.text).toBe('{"ActiveStreamIds":{"s":["Bb3dE6gH"]}}');
  });

  it.each([
    ['nothing', '{}'],
    ['null', '{"NonActiveStreamIds":null}'],
    ['null for a list', '{"NonActiveStreamIds":{"s":null}}'],
    ['what is no JSON', 'oops'],
  ])('may answer a heartbeat with %s', async (_, answer) => {
    const { serve, consumer: peer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    peer.wire.listen(
      '_HEARTBEAT._SINBOX.old',
      undefined,
      ({ reply }) => peer.wire.publish(reply as string, answer),
      () => undefined,
    );
    peer.wire.publish('s', open(), '_SINBOX.old.Ab3dE6gH');

    await time.advanceBy(10 * BEAT);

    expect(ends).toEqual([]);
  });

  it.each([
    ['no JSON', '4000', 'a message of a session must be JSON in UTF-8'],
    ['{"streamId":"a"}', '4000', "'consumerId' must be a non-empty string"],
    [open().replace('eyJ0', '%%%%'), '4000', "'body' must be base64"],
  ])('is refused for %s', async (request, code, text) => {
    const { serve, consumer: peer, time } = sessionRig();
    serve(() => NEVER);
    const seen = arrivals(peer, '_SINBOX.old.*');

    peer.wire.publish('s', request, '_SINBOX.old.Ab3dE6gH');
    await time.advanceBy(0);

    expect(seen.map((message) => message.text)).toEqual([`{"type":2,"closeError":{"Code":${code},"Text":"${text}"}}`]);
  });
});

describe('what was weak there', () => {
  it('1: a younger session does not have older ones taken for gone, and one that is not wanted is', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const old = see(openSession(consumer, 's', null), time);
    const unwanted = see(openSession(consumer, 's', null), time);
    await time.advanceBy(BEAT + 1);
    consumer.lose(/"type":5/);
    unwanted.close();
    await time.advanceBy(BEAT - 2);
    see(openSession(consumer, 's', null), time);

    await time.advanceBy(BEAT);

    expect(old.error).toBeUndefined();
    expect(ends).toMatchObject([{ kind: 'lost', text: 'the consumer does not have it any more' }]);
  });

  it('2: what is over is forgotten', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => of(1));

    for (let n = 0; n < 1_000; n += 1) see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect([hubOf(producer.wire).size, hubOf(consumer.wire).size, time.pending]).toEqual([0, 0, 0]);
  });

  it('3: a slow session holds up no other one', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => Array.from({ length: 1_000 }, (_, n) => n));

    const slow = see(openSession(consumer, 's', null, { demand: of(1) }), time);
    const quick = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    expect([slow.values.length, quick.values.length, quick.completed]).toEqual([1, 1_000, true]);
  });

  it('4: a cancellation is said, and not left to the next heartbeat', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);

    seen.close();

    expect(ends).toMatchObject([{ kind: 'cancelled' }]);
    expect(consumer.sent.at(-1)?.text).toBe('{"type":5,"closeError":{"Code":1001,"Text":""}}');
  });

  it('4: also one that crosses the word that the session is open', async () => {
    const { consumer, gate, time } = sessionRig();
    const peer = gate('/peer');
    const requests = arrivals(peer, 's');
    const control = arrivals(peer, 'control');
    const seen = see(openSession(consumer, 's', null), time);

    seen.close();
    expect(control).toEqual([]);
    peer.wire.publish(requests[0]?.reply as string, '{"type":3,"accept":{"control":"control","interval":10000}}');
    await time.advanceBy(0);

    expect(control.map(({ text }) => text)).toEqual(['{"type":5,"closeError":{"Code":1001,"Text":""}}']);
    expect([hubOf(consumer.wire).size, time.pending]).toEqual([0, 0]);
  });

  it('5: that nobody listens is no bad data', async () => {
    const { consumer, time } = sessionRig();

    expect(see(openSession(consumer, 's', null), time).error).toMatchObject({ name: 'NoRespondersError' });
  });

  it('6: an end that says no reason is an error, and breaks nothing', async () => {
    const { consumer, gate, time } = sessionRig();
    const peer = gate('/peer');
    const requests = arrivals(peer, 's');
    const seen = see(openSession(consumer, 's', null), time);

    peer.wire.publish(requests[0]?.reply as string, '{"type":2}');

    expect(seen.error).toMatchObject({ closeCode: 1003 });
    expect(String(seen.error)).toContain("'closeError' must be an object");
  });

  it('7: one heartbeat that is missed kills nothing, and dead consumers delay nobody', async () => {
    const { serve, producer, consumer, gate, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const dead = gate('/dead');
    see(openSession(dead, 's', null), time);
    dead.cut();
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(1);
    producer.lose(/ActiveStreamIds/, 2);

    await time.advanceBy(BEAT);
    const opened = see(openSession<number>(consumer, 's', null), time);
    await time.advanceBy(BEAT);

    expect([seen.error, opened.error, ends]).toEqual([undefined, undefined, []]);
  });

  it('8: a request that cannot be sent leaves nothing', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => NEVER);
    const failure = new Error('too large');
    consumer.refuse(failure);

    const seen = see(openSession(consumer, 's', null), time);

    expect(seen.error).toBe(failure);
    expect([hubOf(consumer.wire).size, time.pending]).toEqual([0, 0]);
  });

  it('9: sessions of one address run at the same time', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => concat(of('first'), timer(1_000, time)));

    const seen = Array.from({ length: 10 }, () => see(openSession(consumer, 's', null), time));
    await time.advanceBy(0);

    expect(seen.map(({ values }) => values)).toEqual(Array(10).fill(['first']));
  });

  it('10: a second request with the same id leaves the first session as it is', async () => {
    const { serve, consumer, time } = sessionRig();
    const { ends } = serve(() => interval(100, time));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(0);
    const [request] = consumer.sent;

    consumer.wire.publish('s', request?.text as string, '_SINBOX.elsewhere.x');
    await time.advanceBy(1_000);

    expect([seen.values.length, seen.error, ends]).toEqual([10, undefined, []]);
  });

  it('11: what is lost is noticed', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => interval(100, time));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(150);

    producer.lose(/"type":1/);
    await time.advanceBy(500);

    expect(seen.values).toEqual([0]);
    expect(seen.error).toMatchObject({ closeCode: 1006 });
  });

  it('12: both sides can be drained', async () => {
    for (const side of ['producer', 'consumer'] as const) {
      const rig = sessionRig();
      rig.serve(() => NEVER);
      const seen = see(openSession(rig.consumer, 's', null), rig.time);
      await rig.time.advanceBy(0);

      const drained = see(rig[side].transport.drain(), rig.time);
      await rig.time.advanceBy(0);

      expect((seen.error as Error).name).toBe(side === 'producer' ? 'SessionCloseError' : 'TransportClosedError');
      expect(drained.completed).toBe(true);
    }
  });

  it('13: nobody guesses a token, and no two are the same', async () => {
    const { serve, consumer, time } = sessionRig();
    serve(() => NEVER);

    for (let n = 0; n < 1_000; n += 1) see(openSession(consumer, 's', null), time);

    const tokens = consumer.sent.map(({ text }) => (JSON.parse(text) as { readonly streamId: string }).streamId);
    expect(new Set(tokens).size).toBe(1_000);
    for (const token of tokens) expect(token).toMatch(/^[0-9A-Za-z]{22}$/);
  });

  it('14: a session that was opened just before a heartbeat outlives it', async () => {
    const { serve, consumer: peer, time } = sessionRig();
    const { ends } = serve(() => NEVER);
    const beats = arrivals(peer, '_HEARTBEAT._SINBOX.old');
    const request = (token: string) =>
      peer.wire.publish(
        's',
        `{"consumerId":"_SINBOX.old.","streamId":"${token}","heartBeatRequestSub":"_HEARTBEAT._SINBOX.old","body":"e30="}`,
        `_SINBOX.old.${token}`,
      );
    request('a');
    await time.advanceBy(BEAT - 1);
    request('b');
    await time.advanceBy(1);

    peer.wire.publish(beats[0]?.reply as string, '{"NonActiveStreamIds":{"s":["b"]}}');
    await time.advanceBy(0);

    expect(ends).toEqual([]);
  });

  it('15: nothing is sent after the end', () => {
    const sent: unknown[] = [];
    const flow = new SendingFlow<string>({
      carrier: { value: (data) => sent.push(decoder.decode(data)), close: (code) => sent.push(code) },
      codec: { encode: (value) => new TextEncoder().encode(value), decode: String },
      offset: 0,
      granted: 10,
      buffer: 10,
      overflow: 'error',
      ended: () => undefined,
    });

    flow.push('a');
    flow.end(undefined);
    flow.push('b');
    flow.end(undefined);
    flow.grant(20);

    expect(sent).toEqual(['a', 1000]);
  });

  it('16: a consumer notices that its producer is dead', async () => {
    const { serve, producer, consumer, time } = sessionRig();
    serve(() => interval(100, time));
    const seen = see(openSession(consumer, 's', null), time);
    await time.advanceBy(1_000);

    producer.cut();
    await time.advanceBy(3 * BEAT);

    expect(seen.error).toMatchObject({ closeCode: 1006 });
  });

  it('16: nor does a dead producer keep a session with values on their way', async () => {
    const { consumer, gate, time } = sessionRig();
    const dead = gate('/dead');
    const stopped = new Subject<void>();
    serveSessions(dead, 's', () => new Observable(() => () => stopped.next())).subscribe();
    const seen = see(openSession(consumer, 's', null, { resume: true }), time);
    await time.advanceBy(1);
    dead.cut();

    await time.advanceBy(3 * BEAT);

    expect(seen.error).toBeUndefined();
    seen.close();
    await time.advanceBy(BEAT);
    expect(hubOf(consumer.wire).size).toBe(0);
  });
});
