import type { DrainReport } from './transport.ts';

/** A transport's running account of its deliveries; a drain reports it. */
export type Ledger = { -readonly [K in Exclude<keyof DrainReport, 'elapsedMs'>]: number };

export function ledger(): Ledger {
  return { received: 0, acked: 0, naked: 0, termed: 0, returned: 0, expired: 0, abandoned: 0, late: 0 };
}
