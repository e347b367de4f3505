/** What one side of a comparison was measured at: `value` in the bench's unit, more is better, and what explains it. */
export interface Figures {
  readonly value: number;
  readonly [detail: string]: number;
}

/**
 * One side of a comparison: does its work in steps, so that the sides can take turns, and returns what it measured.
 *
 * Runs in a fresh process, with `gc` at hand. Throws where it did not do the work that it claims to have done.
 */
export type Side = (events: number) => AsyncGenerator<void, Figures>;

/** A bound on a detail of our side: on its median, or for what must never happen, on the worst run. */
export interface Limit {
  readonly detail: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** @defaultValue `false` */
  readonly always?: boolean;
}

/** A comparison of millrace with its peers. */
export interface Bench {
  readonly name: string;
  readonly unit: string;
  /** How many events, for a measurement and for `--smoke`. */
  readonly events: { readonly full: number; readonly smoke: number };
  readonly ours: Side;
  readonly peers: Readonly<Record<string, Side>>;
  readonly limits: readonly Limit[];
  /** What ours must be, at least, in terms of each peer: `1` is as good. */
  readonly ratios: Readonly<Record<string, number>>;
}
