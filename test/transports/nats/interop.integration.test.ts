// What docs/wire-formats.md says, with a socket at the other end: nobody but the bytes themselves speaks NATS for it.
import {
  consume,
  createEvent,
  deadLetterHeaders,
  eventSource,
  listen,
  requestEvent,
  serve,
  withTransaction,
} from 'millrace';
import { ensureConsumer, ensureStream, jetstreamTransport } from 'millrace/nats';
import { concat, interval, lastValueFrom, map, NEVER, of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clients } from '../../support/nats/connect.ts';
import { type NatsServerProcess, startNatsServer } from '../../support/nats/nats-server.ts';
import { describeOnEachServer } from '../../support/nats/servers.ts';
import { type SocketPeer, socketPeer } from '../../support/nats/socket-peer.ts';
import { until } from '../../support/nats/wait-for.ts';
import { all, coreRig, failureOf, idsOf, see } from './core-rig.ts';

const STRUCTURED = 'Content-Type: application/cloudevents+json';

/** A block of headers as it travels. */
function block(...lines: readonly string[]): string {
  return `${['NATS/1.0', ...lines].join('\r\n')}\r\n\r\n`;
}

/** An event as CACAO writes it: bare JSON, without any header. */
function cacao(type: string, id: string, more: object = {}): string {
  return JSON.stringify({ specversion: '1.0', type, source: 'AUTO_POPULATE', id: `cloudevent-${id}`, ...more });
}

/** What the server sends to the first subscription of a socket. */
function message(subject: string, payload: string, headers?: string): string {
  if (headers === undefined) return `MSG ${subject} 1 ${payload.length}\r\n${payload}\r\n`;
  return `HMSG ${subject} 1 ${headers.length} ${headers.length + payload.length}\r\n${headers}${payload}\r\n`;
}

/** Has a socket answer at an address, until the test is over; resolves to the requests' reply addresses. */
async function responder(peer: SocketPeer, subject: string): Promise<{ asked(): Promise<string> }> {
  await peer.subscribe(subject);
  const pattern = new RegExp(`HMSG ${subject.replaceAll('.', '\\.')} 1 (\\S+) `);
  return { asked: async () => (await peer.sees(pattern))[1] as string };
}

describeOnEachServer('a socket at the other end', (binary) => {
  let server: NatsServerProcess;
  let count = 0;
  beforeAll(async () => {
    server = await startNatsServer({ binary, config: 'max_payload: 64KB' });
  });
  afterAll(() => server.stop());

  /** A subject that no other test uses. */
  const subject = () => {
    count += 1;
    return `interop.${count}`;
  };

  describe.each(clients)('asks $name', (client) => {
    it('and sees the reply, and the end of the replies', async () => {
      const { transport, flushed } = await coreRig(server.url, { client, name: '/orders' });
      const peer = await socketPeer(server.port);
      const type = subject();
      const reply = { id: 're', type: `${type}.reply`, time: null };
      see(serve(transport, { [type]: ({ event }) => ({ ...reply, data: event.data as number }) }));
      await flushed();
      await peer.subscribe('_INBOX.socket');

      peer.publish(type, cacao(type, '1', { data: 7, transactionid: 'tid-1' }), { reply: '_INBOX.socket' });

      await peer.sees(/1 0\r\n\r\n$/);
      const json = `{"specversion":"1.0","id":"re","source":"/orders","type":"${type}.reply","datacontenttype":"application/json","transactionid":"tid-1","data":7}`;
      expect(peer.received).toBe(message('_INBOX.socket', json, block(STRUCTURED)) + message('_INBOX.socket', ''));
    });

    it.each([
      { name: 'no event', request: (type: string) => `<${type}>`, code: 'DECODE_FAILED', text: '.*' },
      {
        name: 'no handler',
        request: (type: string) => cacao(`${type}.other`, '1'),
        code: 'UNHANDLED_TYPE',
        text: '.*',
      },
      { name: 'a failure', request: (type: string) => cacao(type, '1'), code: 'SOLD_OUT', text: 'none  ?left' },
    ])('and sees an error: $name', async ({ request, code, text }) => {
      const { transport, flushed } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const sell = () => {
        throw Object.assign(new Error('none\r\nleft'), { code: 'SOLD_OUT' });
      };
      see(serve(transport, { [type]: sell }));
      await flushed();
      await peer.subscribe('_INBOX.socket');

      peer.publish(type, request(type), { reply: '_INBOX.socket' });

      const end = `Nats-Service-Error-Code: ${code}\r\nNats-Service-Error: ${text}\r\n\r\n\r\n$`;
      await peer.sees(new RegExp(`^HMSG _INBOX\\.socket 1 (\\d+) \\1\r\nNATS/1\\.0\r\n${end}`));
    });

    it('with a request in binary mode, and says that it takes one reply', async () => {
      const { transport, flushed } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const seen = see(serve(transport, { [type]: () => interval(5).pipe(map((n) => ({ type: 'tick', data: n }))) }));
      await flushed();
      await peer.subscribe('_INBOX.socket');
      const headers = block(
        'ce-specversion: 1.0',
        'ce-id: 1',
        'ce-source: /socket',
        `CE-Type: ${type}`,
        'Millrace-Timeout: 500',
      );

      peer.publish(type, '', { reply: '_INBOX.socket', headers });

      const [served] = await seen.came(1);
      expect(served).toMatchObject({ kind: 'answered', replies: 1 });
      await peer.flush();
      expect(peer.received.match(/HMSG/g)).toHaveLength(1);
    });

    it('and goes: what it asked for is stopped', async () => {
      const { transport, flushed } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const seen = see(serve(transport, { [type]: () => interval(5).pipe(map((n) => ({ type: 'tick', data: n }))) }));
      await flushed();
      await peer.subscribe('_INBOX.socket.7');
      const headers = block('Millrace-Timeout: 600000', 'Millrace-Replies: many');
      peer.publish(type, cacao(type, '1'), { reply: '_INBOX.socket.7', headers });
      await peer.sees(/tick.*tick/s);

      await until(() => {
        peer.publish('_INBOX.socket.gone.7', '');
        return seen.values.length > 0;
      });

      expect(seen.values).toMatchObject([{ kind: 'abandoned' }]);
    });

    it('with a reply that the server does not take: it is told so', async () => {
      const { transport, flushed } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const seen = see(serve(transport, { [type]: () => ({ type: 'large', data: 'x'.repeat(70_000) }) }));
      await flushed();
      await peer.subscribe('_INBOX.socket');

      peer.publish(type, cacao(type, '1'), { reply: '_INBOX.socket' });

      await peer.sees(/Nats-Service-Error-Code: PUBLISH_/);
      expect(seen.values).toMatchObject([{ kind: 'failed', replies: 0, error: { name: 'PublishError' } }]);
    });

    it('without a reply address: that is counted, and no handler runs', async () => {
      const { transport, flushed, ofKind } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const seen = see(serve(transport, { [type]: () => NEVER }));
      await flushed();

      for (const id of ['1', '2']) peer.publish(type, cacao(type, id));

      await until(() => ofKind('dropped').length === 2);
      expect(ofKind('dropped').at(-1)).toMatchObject({ address: type, total: 2 });
      expect(seen.values).toEqual([]);
    });
  });

  describe.each(clients)('answers $name', (client) => {
    it('which asks with the bytes that are documented, and says when it goes', async () => {
      const { transport } = await coreRig(server.url, { client, name: '/gateway' });
      const peer = await socketPeer(server.port);
      const type = subject();
      const { asked } = await responder(peer, type);
      await peer.subscribe('_INBOX.*.gone.*');
      const question = createEvent({ id: '1', type, time: null, data: 'o-1' });
      const asking = see(transport.request(question, { many: true, headers: { tenant: 'acme' } }));
      const inbox = await asked();

      asking.close();

      const json = `{"specversion":"1.0","id":"1","source":"/gateway","type":"${type}","datacontenttype":"application/json","data":"o-1"}`;
      const headers = block(STRUCTURED, 'tenant: acme', 'Millrace-Timeout: 5000', 'Millrace-Replies: many');
      const [, prefix, token] = /^(_INBOX\.[^.]+\.)([0-9a-z]+)$/.exec(inbox) ?? [];
      const gone = `MSG ${prefix}gone.${token} 2 0\r\n\r\n`;
      await peer.sees(/gone/);
      await peer.flush();
      expect(peer.received).toBe(message(type, json, headers).replace(' 1 ', ` 1 ${inbox} `) + gone);
    });

    it('with several replies, an end, and another one after it', async () => {
      const { transport, ofKind } = await coreRig(server.url, { client });
      const type = subject();
      const peer = await socketPeer(server.port);
      const { asked } = await responder(peer, type);
      const asking = see(transport.request(createEvent({ type }), { many: true }));
      const inbox = await asked();

      for (const id of ['1', '2']) peer.publish(inbox, cacao('reply', id));
      peer.publish(inbox, '');
      peer.publish(inbox, cacao('reply', '3'));

      await asking.ended();
      expect(asking.end).toBe('completed');
      expect(idsOf(asking.values)).toEqual(['cloudevent-1', 'cloudevent-2']);
      await until(() => ofKind('dropped').length === 1);
    });

    it('and dies in the middle: the replies that came, and an error when the time is over', async () => {
      const { transport } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const { asked } = await responder(peer, type);
      const asking = see(transport.request(createEvent({ type }), { many: true, timeout: 300 }));
      const inbox = await asked();

      for (const id of ['1', '2']) peer.publish(inbox, cacao('reply', id));
      await peer.flush();
      peer.die();

      await asking.ended();
      expect(idsOf(asking.values)).toEqual(['cloudevent-1', 'cloudevent-2']);
      expect(asking.error).toMatchObject({ name: 'RequestTimeoutError', timeout: 300 });
    });

    it('with an error beside a payload, as services may send it', async () => {
      const { transport } = await coreRig(server.url, { client });
      const peer = await socketPeer(server.port);
      const type = subject();
      const { asked } = await responder(peer, type);
      const asking = see(transport.request(createEvent({ type })));

      const headers = block('Nats-Service-Error: none left', 'Nats-Service-Error-Code: 410');
      peer.publish(await asked(), '{"detail":true}', { headers });

      await asking.ended();
      expect(asking.error).toMatchObject({ name: 'RemoteError', remoteCode: '410', message: 'none left' });
    });
  });

  describe.each(clients)('shares a stream with $name', (client) => {
    /** A stream of the test's own, and a transport on it. */
    async function shop() {
      const { connection, flushed } = await coreRig(server.url, { client });
      const prefix = subject();
      const stream = prefix.replace('.', '-').toUpperCase();
      const dead = `${stream}-DEAD`;
      const transport = jetstreamTransport(connection, { name: '/shop' });
      await lastValueFrom(
        concat(
          ensureStream(connection, { name: stream, subjects: [`${prefix}.*`] }),
          ensureStream(connection, { name: dead, subjects: [`dead.${prefix}`] }),
          ensureConsumer(connection, { stream, name: 'billing', filter: `${prefix}.placed` }),
        ),
      );
      return { prefix, stream, dead: `dead.${prefix}`, transport, flushed };
    }

    it('publishes an event as CACAO does, and sees the response to it', async () => {
      const { prefix, stream, transport } = await shop();
      const peer = await socketPeer(server.port);
      const paid = { id: 'p', type: `${prefix}.paid`, time: null };
      see(listen(transport, { [`${prefix}.placed`]: () => paid }, { stream, consumer: 'billing' }));
      await peer.subscribe(`${prefix}.paid`);

      peer.publish(`${prefix}.placed`, cacao(`${prefix}.placed`, '1', { transactionid: 'tid-9' }));

      await peer.sees(/\}\r\n$/);
      const messageId = `response 0 ${prefix}.paid of ${stream}/billing to AUTO_POPULATE cloudevent-1`;
      const json = `{"specversion":"1.0","id":"p","source":"/shop","type":"${prefix}.paid","transactionid":"tid-9"}`;
      expect(peer.received.replace(/1 \S+ (\d+ \d+\r\n)/, '1 $1')).toBe(
        message(`${prefix}.paid`, json, block(STRUCTURED, `Nats-Msg-Id: ${messageId}`)),
      );
    });

    it('responds to an event, once and once too often', async () => {
      const { prefix, stream, transport } = await shop();
      const peer = await socketPeer(server.port);
      await peer.subscribe(`${prefix}.asked`);
      const source = eventSource(transport, { stream });
      const asked = withTransaction(createEvent({ type: `${prefix}.asked` }), 'tid-7');
      const asking = see(requestEvent(source, asked, [`${prefix}.told`]));
      await peer.sees(/"transactionid":"tid-7"/);

      for (const id of ['1', '2'])
        peer.publish(`${prefix}.told`, cacao(`${prefix}.told`, id, { transactionid: 'tid-7' }));

      await asking.ended();
      expect(idsOf(asking.values)).toEqual(['cloudevent-1']);
      await until(() => source.dropped === 1);
      source.close();
    });

    it('publishes what is no event: a dead letter with its bytes and its headers', async () => {
      const { prefix, stream, dead, transport } = await shop();
      const peer = await socketPeer(server.port);
      await peer.subscribe(dead);
      const consumed = transport.subscribe({ stream, consumer: 'billing' });
      const seen = see(consumed.pipe(consume(() => of(), { deadLetter: { publisher: transport, to: dead } })));

      peer.publish(`${prefix}.placed`, '<xml/>', { headers: block('Content-Type: text/xml', 'tenant: acme') });

      expect(await seen.came(1)).toMatchObject([{ kind: 'deadLettered' }]);
      await peer.sees(/\}\r\n$/);
      const json = JSON.parse(peer.received.slice(peer.received.indexOf('{')));
      expect(json).toEqual({
        specversion: '1.0',
        id: `${stream}-1`,
        source: '/shop',
        type: 'millrace.undecodable',
        datacontenttype: 'text/xml',
        data_base64: btoa('<xml/>'),
      });
      for (const line of [
        'millrace-original-Content-Type: text/xml',
        'millrace-original-tenant: acme',
        `${deadLetterHeaders.errorName}: DecodeError`,
        `${deadLetterHeaders.address}: ${prefix}.placed`,
        `${deadLetterHeaders.sequence}: 1`,
        `Nats-Msg-Id: dlq ${stream} 1 billing`,
      ]) {
        expect(peer.received).toContain(`\r\n${line}\r\n`);
      }
    });
  });

  it('sees nothing of an oversized request: the asker has the error at once', async () => {
    const { transport } = await coreRig(server.url);
    const peer = await socketPeer(server.port);
    const type = subject();
    await peer.subscribe(type);

    const error = await failureOf(transport.request(createEvent({ type, data: 'x'.repeat(70_000) })));

    expect(error).toMatchObject({ name: 'PublishError', outcome: 'refused' });
    await peer.flush();
    expect(peer.received).toBe('');
    await all(transport.drain());
  });
});
