import { type Observable, of, timer } from 'rxjs';
import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnEachServer } from '../support/nats/servers.ts';
import { faultRig, repeated, serverFor } from './rig.ts';

const LEASE = 400;

describeOnEachServer('jetstreamTransport', (binary) => {
  // Not beside each other: each keeps the whole process from doing anything.
  it.for(clients)(
    'sees that leases were lost while a handler blocked the event loop, and handles each event once, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client, lease: LEASE, keys: 4 });
      let blocked = false;
      await rig.publish(60);

      const pipeline = rig.start({
        subscribe: { prefetch: 16 },
        work({ event }): Observable<unknown> {
          if (event.id !== 'order-20' || blocked) return timer(1);
          blocked = true;
          block(3 * LEASE);
          return of(undefined);
        },
      });
      await rig.done();

      const lost = rig.statuses.filter(({ kind }) => kind === 'leaseLost');
      expect(blocked).toBe(true);
      expect(lost.length).toBeGreaterThan(0);
      expect(lost.length).toBeLessThanOrEqual(16);
      expect(repeated(rig.record)).toBeGreaterThan(0);
      expect(repeated(rig.record)).toBeLessThanOrEqual(2 * 16);
      expect(pipeline.ended).toBe(false);
      rig.verify({ allow: ['settledLate'] });
    },
  );
});

/** Does nothing, and lets nobody else do anything. */
function block(duration: number): void {
  const end = performance.now() + duration;
  while (performance.now() < end);
}
