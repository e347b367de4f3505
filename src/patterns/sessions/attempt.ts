import type { RawWire } from '../../core/raw-wire.ts';

/** Does what may fail without harm: it is told, and heartbeats will show what has become of the other side. */
export function attempt(wire: RawWire, work: () => void): void {
  try {
    work();
  } catch (error) {
    wire.life.tell({ kind: 'error', error });
  }
}
