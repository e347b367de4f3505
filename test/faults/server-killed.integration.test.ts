import { expect, it } from 'vitest';
import { clients } from '../support/nats/connect.ts';
import { describeOnEachServer } from '../support/nats/servers.ts';
import { until } from '../support/nats/wait-for.ts';
import { faultRig, repeated, serverFor, unexplained } from './rig.ts';

describeOnEachServer('jetstreamTransport', (binary) => {
  it.concurrent.for(clients)(
    'handles each event once when the server is killed and started again, with $name',
    async (client, test) => {
      const server = await serverFor(test, { binary });
      const rig = await faultRig(test, { servers: server.url, client });
      await rig.publish(300);
      const pipeline = rig.start();

      await rig.handled(100);
      const published = rig.publish(300);
      await rig.handled(150);
      await server.kill();
      const atKill = rig.effects.size;
      await server.restart();
      await until(() => rig.statuses.some(({ kind }) => kind === 'sourceRestarted'));
      const faultEnd = rig.record.entries.length;
      const receipts = await published;
      await rig.done();

      expect(atKill).toBeLessThan(600);
      expect(receipts).toHaveLength(300);
      // Acks that the server had not written to its disk yet: it delivers those events again, and the store knows them.
      expect(unexplained(rig.record, faultEnd)).toEqual([]);
      expect(repeated(rig.record)).toBeLessThanOrEqual(atKill + 64);
      expect(pipeline.ended).toBe(false);
      rig.verify({ allow: ['settledTwice'] }); // by the number of the delivery, which the server gave twice
    },
  );
});
