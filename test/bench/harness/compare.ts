import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Bench, Figures, Limit } from './bench.ts';
import type { Answer } from './child.ts';

/** A bound, and how it was kept. */
export interface Verdict {
  readonly name: string;
  readonly value: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly ok: boolean;
}

/** Our side of a bench beside one peer. */
export interface Row {
  readonly bench: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: string;
  readonly theirs: number;
  /** `ours / theirs`: more is better. */
  readonly ratio: number;
  readonly runs: number;
  readonly oursDetails: Readonly<Record<string, number>>;
  readonly theirsDetails: Readonly<Record<string, number>>;
  readonly limits: readonly Verdict[];
  /** Whether every bound was kept. */
  readonly ok: boolean;
}

/** How to compare. */
export interface CompareOptions {
  readonly runs: number;
  readonly smoke: boolean;
}

const OURS = 'millrace';
const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/**
 * Measures all sides of a bench, and returns a row of medians for each peer.
 *
 * Each run has a fresh process for each side. The processes take turns, a step each, and who goes first changes with
 * each run: what else goes on in the machine meets all of them alike, so that ratios hold where absolute figures do not.
 */
export async function compare(bench: Bench, { runs, smoke }: CompareOptions): Promise<Row[]> {
  const sides = [OURS, ...Object.keys(bench.peers)];
  const events = smoke ? bench.events.smoke : bench.events.full;
  const measured = new Map<string, Figures[]>(sides.map((side) => [side, []]));
  for (let run = 0; run < runs; run += 1) {
    const turn = run % sides.length;
    const order = [...sides.slice(turn), ...sides.slice(0, turn)];
    for (const [side, figures] of await runOnce(bench.name, order, events)) measured.get(side)?.push(figures);
  }
  const ours = measured.get(OURS) ?? [];
  return Object.keys(bench.peers).map((peer) => row(bench, ours, peer, measured.get(peer) ?? [], smoke));
}

async function runOnce(bench: string, sides: readonly string[], events: number): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>();
  const children = new Map(sides.map((side) => [side, start(bench, side, events)]));
  try {
    while (figures.size < sides.length) {
      for (const [side, child] of children) {
        if (figures.has(side)) continue;
        const answer = await step(child);
        if (answer.kind === 'failed') throw new Error(`${bench}, ${side}: ${answer.error}`);
        if (answer.kind === 'done') figures.set(side, answer.figures);
      }
    }
  } finally {
    for (const child of children.values()) child.kill();
  }
  return figures;
}

function start(bench: string, side: string, events: number): ChildProcess {
  return fork(CHILD, [bench, side, String(events)], {
    execArgv: ['--expose-gc', '--enable-source-maps'],
    stdio: ['ignore', 2, 2, 'ipc'], // standard output is for the figures
  });
}

function step(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null, signal: string | null) => {
      reject(new Error(`The process of a side ended (${signal ?? code}) before it was done`));
    };
    child.once('exit', gone);
    child.once('message', (answer) => {
      child.off('exit', gone);
      resolve(answer as Answer);
    });
    child.send('step');
  });
}

function row(bench: Bench, ours: readonly Figures[], peer: string, theirs: readonly Figures[], smoke: boolean): Row {
  const { value, ...oursDetails } = medians(ours);
  const { value: peerValue, ...theirsDetails } = medians(theirs);
  const ratio = value / peerValue;
  const limits = smoke ? [] : bench.limits.map((limit) => judge(limit, ours));
  const atLeast = bench.ratios[peer];
  if (atLeast !== undefined && !smoke) limits.push({ name: 'ratio', value: ratio, atLeast, ok: ratio >= atLeast });
  return {
    bench: bench.name,
    unit: bench.unit,
    ours: value,
    peer,
    theirs: peerValue,
    ratio,
    runs: ours.length,
    oursDetails,
    theirsDetails,
    limits,
    ok: limits.every(({ ok }) => ok),
  };
}

function judge({ detail, atLeast, atMost, always = false }: Limit, figures: readonly Figures[]): Verdict {
  const values = figures.map((figure) => figure[detail] ?? Number.NaN);
  const worst = atLeast === undefined ? Math.max(...values) : Math.min(...values);
  const value = always ? worst : median(values);
  const name = detail;
  if (atLeast !== undefined) return { name, value, atLeast, ok: value >= atLeast };
  return {
    name,
    value,
    ...(atMost === undefined ? {} : { atMost }),
    ok: value <= (atMost ?? Number.POSITIVE_INFINITY),
  };
}

function medians(figures: readonly Figures[]): Figures {
  const names = Object.keys(figures[0] ?? {});
  const entries = names.map((name) => [name, median(figures.map((figure) => figure[name] ?? Number.NaN))]);
  return Object.fromEntries(entries) as Figures;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
