import { memoryDedupeStore } from 'millrace';
import { lastValueFrom, NEVER } from 'rxjs';
import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnEachServer, describeOnLatestServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { faultRig, serverFor } from './rig.ts';

describeOnEachServer('jetstreamTransport', (binary) => {
  it.concurrent.for(clients)(
    'drains under load: the report adds up, and another transport gets the rest at once, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client, lease: 30_000 });
      const published = rig.publish(600);
      const first = rig.start();
      await rig.handled(150);

      const report = await lastValueFrom(rig.transport.drain());
      const handled = rig.effects.size;
      const second = rig.start({ transport: await rig.another() });
      await published;
      await rig.done(10_000);

      const { received, acked, naked, termed, returned, expired, abandoned } = report;
      expect(acked + naked + termed + returned + expired + abandoned).toBe(received);
      expect(acked).toBe(handled);
      expect({ naked, termed, expired, abandoned }).toEqual({ naked: 0, termed: 0, expired: 0, abandoned: 0 });
      expect(returned).toBeGreaterThan(0);
      expect(first.ended).toBe(true);
      expect(first.error).toBe(undefined);
      expect(second.outcomes.every(({ kind }) => kind === 'succeeded')).toBe(true);
      rig.verify();
    },
  );
});

describeOnLatestServer('jetstreamTransport', (binary) => {
  it.concurrent('abandons and hands back what a drain does not wait for', async (test) => {
    const server = await serverFor(test, { binary });
    const rig = await faultRig(test, { servers: server.url, lease: 30_000 });
    await rig.publish(40);
    rig.start({ work: () => NEVER });
    await until(() => rig.record.entries.filter(({ kind }) => kind === 'started').length === 8);

    const report = await lastValueFrom(rig.transport.drain({ grace: 100 }));
    rig.start({ transport: await rig.another(), dedupe: memoryDedupeStore() });
    await rig.done(10_000);

    expect(report).toMatchObject({ received: 40, acked: 0, returned: 32, abandoned: 8 });
    // What waited went back at once, and so comes before what it waited for.
    rig.verify({ allow: ['orderViolations'] });
  });

  it.concurrent.for(clients)(
    'ends the pull at once when it is unsubscribed, and others get what was not started, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client, lease: 30_000 });
      await rig.publish(300);
      const first = rig.start();
      await rig.handled(50);

      first.stop();
      const stoppedAt = performance.now();
      const received = rig.record.entries.filter(({ kind }) => kind === 'received').length;
      await lastValueFrom(rig.transport.drain()); // waits until the server has what went back
      const second = rig.start({ transport: await rig.another() });
      await rig.done(10_000);

      expect(performance.now() - stoppedAt).toBeLessThan(10_000);
      const again = second.outcomes.filter(({ delivery }) => delivery.attempt === 2);
      expect(again.length).toBeGreaterThan(0);
      expect(second.outcomes.every(({ delivery }) => delivery.attempt <= 2)).toBe(true);
      expect(received).toBeLessThanOrEqual(50 + 64 + 16);
      rig.verify();
    },
  );
});
