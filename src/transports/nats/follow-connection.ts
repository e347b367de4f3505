import type { Status } from '../../core/status.ts';
import type { TransportLife } from '../../core/transport-life.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { Wire } from './wire.ts';

/** Tells in a transport's status what happens to its connection. */
export function followConnection(wire: Wire, life: TransportLife): void {
  let attempt = 0;

  function translate(status: ConnectionStatus): Status {
    switch (status.kind) {
      case 'connected':
        attempt = 0;
        return { kind: 'connected' };
      case 'disconnected':
        return { kind: 'disconnected' };
      case 'reconnecting':
        attempt += 1;
        return { kind: 'reconnecting', attempt };
      case 'closed':
        return status.error === undefined ? { kind: 'disconnected' } : { kind: 'disconnected', error: status.error };
      default:
        return status;
    }
  }

  const changes = wire.changes$.subscribe((status) => {
    const translated = translate(status);
    if (isState(translated)) life.enter(translated);
    else life.tell(translated);
  });
  life.status$.subscribe({ complete: () => changes.unsubscribe() });
}

/** Whether it holds until another one comes, so that who looks later is told of it too. */
function isState({ kind }: Status): boolean {
  return kind === 'connected' || kind === 'disconnected' || kind === 'reconnecting';
}
