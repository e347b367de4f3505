import { createConnection } from 'node:net';
import { Observable, of, type SchedulerLike, timeout } from 'rxjs';

/**
 * Tells whether a server asks its clients for a certificate, as it says before TLS begins; false where it says nothing.
 *
 * A server that gets none, or one that it does not take, hangs up after the handshake. The client makes nothing of that
 * and waits until the time for a connection is up: what was wrong has to be found out afterwards.
 */
export function asksForCertificate(url: string, wait: number, scheduler: SchedulerLike): Observable<boolean> {
  const { hostname, port } = new URL(url);
  const told = new Observable<boolean>((subscriber) => {
    const socket = createConnection(Number(port), hostname.replace(/^\[|\]$/g, ''));
    const answer = (asks: boolean) => {
      subscriber.next(asks);
      subscriber.complete();
    };
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('\r\n')) answer(/^INFO .*"tls_verify":\s*true/.test(text));
    });
    socket.on('error', () => answer(false)); // the failure that is looked into here is the one to tell
    socket.on('close', () => answer(false));
    return () => socket.destroy();
  });
  return told.pipe(timeout({ first: wait, with: () => of(false), scheduler }));
}
