import { Observable } from 'rxjs';
import type { Wire } from './wire.ts';

/** What runs and what waits for its turn, by key. */
const queues: WeakMap<Wire, Map<string, (() => void)[]>> = /* @__PURE__ */ new WeakMap();

/**
 * Subscribes to `work` when what was subscribed before it under the same key and on the same wire is over.
 *
 * JetStream has no way to change a configuration on condition that nobody else did: of two changes that are read and
 * written side by side, the later one takes back the earlier one.
 */
export function inTurn<T>(wire: Wire, key: string, work: Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const byKey = queues.get(wire) ?? new Map<string, (() => void)[]>();
    queues.set(wire, byKey);
    const queue = byKey.get(key) ?? [];
    byKey.set(key, queue);

    const start = () => {
      subscriber.add(work.subscribe(subscriber));
    };
    subscriber.add(() => {
      const place = queue.indexOf(start);
      queue.splice(place, 1);
      if (queue.length === 0) byKey.delete(key);
      else if (place === 0) queue[0]?.();
    });
    queue.push(start);
    if (queue.length === 1) start();
  });
}
