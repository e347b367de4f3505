import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { until } from './wait-for.ts';

/** A client that is nothing but a socket: what it sends and sees is bytes of the NATS protocol, one character each. */
export interface SocketPeer {
  /** All that the server has sent, but for PING. */
  readonly received: string;
  subscribe(subject: string): Promise<void>;
  /** Publishes a payload, with a block of headers if one is given. */
  publish(subject: string, payload: string, options?: { readonly reply?: string; readonly headers?: string }): void;
  /** Resolves when the server has sent what the pattern matches. */
  sees(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the server has got everything that was sent. */
  flush(): Promise<void>;
  /** Breaks the connection without a word. */
  die(): void;
}

/** Connects to a server on loopback, for the test that runs. */
export async function socketPeer(port: number): Promise<SocketPeer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.setEncoding('latin1');
  socket.on('error', () => undefined); // what it was to see then never comes
  onTestFinished(() => void socket.destroy());
  let received = '';
  let pongs = 0;
  let pings = 0;
  let subscriptions = 0;
  socket.on('data', (text: string) => {
    received += text;
    received = received.replaceAll('PING\r\n', () => {
      socket.write('PONG\r\n');
      return '';
    });
    received = received.replaceAll('PONG\r\n', () => {
      pongs += 1;
      return '';
    });
  });
  await once(socket, 'connect');
  socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"none"}\r\n');

  async function flush(): Promise<void> {
    pings += 1;
    const wanted = pings;
    socket.write('PING\r\n');
    await until(() => pongs >= wanted, { interval: 2, describe: () => `PONG after ${received}` });
  }

  await flush();
  received = ''; // the server's INFO
  return {
    get received() {
      return received;
    },
    async subscribe(subject) {
      subscriptions += 1;
      socket.write(`SUB ${subject} ${subscriptions}\r\n`);
      await flush();
    },
    publish(subject, payload, { reply = '', headers } = {}) {
      const total = (headers ?? '').length + payload.length;
      const sizes = headers === undefined ? `${total}` : `${headers.length} ${total}`;
      const verb = headers === undefined ? 'PUB' : 'HPUB';
      socket.write(`${verb} ${subject} ${reply} ${sizes}\r\n${headers ?? ''}${payload}\r\n`, 'latin1');
    },
    async sees(pattern) {
      let match: RegExpExecArray | null = null;
      await until(
        () => {
          match = pattern.exec(received);
          return match !== null;
        },
        { interval: 2, describe: () => `${pattern} in ${received}` },
      );
      return match as unknown as RegExpExecArray;
    },
    flush,
    die: () => void socket.destroy(),
  };
}
