import { constant, dedupe, handle, maxAttempts, memoryDedupeStore, redeliver, settle } from 'millrace';
import { map, tap } from 'rxjs';
import { it } from 'vitest';
import type { Delivery } from '../../src/core/delivery.ts';
import { behave, deaf } from '../support/behaviours.ts';
import { memoryRig } from '../support/memory-rig.ts';

it('debug', async () => {
  const rig = memoryRig({ ackWait: 100, maxDeliver: 3 });
  rig.publish('w', 'w', 'w');
  const start = rig.time.now();
  const log = (...a: unknown[]) => process.stdout.write(`${rig.time.now() - start} ${a.join(' ')}\n`);
  let claims3 = 0;
  const inner = memoryDedupeStore({ scheduler: rig.time });
  const tries = new Map<string, number>();
  rig
    .deliveries(1)
    .pipe(
      tap((d) => log('deliver', d.event.id, d.attempt)),
      map((d) => (d.event.id !== '2' && d.attempt === 1 ? deaf(d) : d)),
      dedupe({ claim(key) { if (key.endsWith(' 3') && claims3++ === 0) throw new Error('claim'); return inner.claim(key); } }, { scheduler: rig.time }),
      tap((a) => log('arrival', 'kind' in a ? a.kind + a.delivery.event.id : a.event.id)),
      handle((d: Delivery) => { log('run', d.event.id, d.attempt); const t = tries.get(d.event.id) ?? 0; tries.set(d.event.id, t + 1);
        return behave(d.event.id === '1' ? (t === 0 ? { does: 'fail', after: 0 } : { does: 'return' }) : { does: 'complete', after: 0 }, d, rig.time); },
        { concurrency: 1, timeout: 50, orderBy: ({ event }) => event.subject, scheduler: rig.time }),
      redeliver(maxAttempts(constant(1000), 2), { scheduler: rig.time }),
      settle({ scheduler: rig.time }),
    )
    .subscribe((o) => log('out', o.kind, o.delivery.event.id, 'delay' in o ? o.delay : '', 'error' in o ? String(o.error) : ''));
  await rig.time.advanceBy(5000);
});
