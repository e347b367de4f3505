import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';

/** What the command line asks for. */
export interface Options {
  readonly benches: readonly Bench[];
  readonly json: boolean;
  readonly smoke: boolean;
  readonly check: boolean;
  readonly runs: number;
}

/** The runs of which the medians are taken. */
const RUNS = 5;

/** Something is wrong with the command line. */
export class UsageError extends Error {}

/** Reads the command line. Throws a {@link UsageError} that says what may be given. */
export function readOptions(args: readonly string[], all: readonly Bench[]): Options {
  const { json, smoke, check, only, runs } = parse(args, all);
  if (smoke && check) throw new UsageError("'--smoke' and '--check' exclude each other: tiny runs keep no bounds");
  const count = Number(runs ?? (smoke ? 1 : RUNS));
  if (!(Number.isInteger(count) && count >= 1)) throw new UsageError(`'--runs' must be a whole number, not ${runs}`);
  return { benches: select(only, all), json, smoke, check, runs: count };
}

function parse(args: readonly string[], all: readonly Bench[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        runs: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n${usage(all)}`);
  }
}

function select(only: readonly string[], all: readonly Bench[]): readonly Bench[] {
  const wanted = new Set(only.flatMap((names) => names.split(',')));
  for (const name of wanted) {
    if (!all.some((bench) => bench.name === name)) throw new UsageError(`There is no bench '${name}'\n${usage(all)}`);
  }
  return wanted.size === 0 ? all : all.filter(({ name }) => wanted.has(name));
}

function usage(all: readonly Bench[]): string {
  return `Usage: npm run bench -- [--json] [--only NAME]... [--runs N] [--check | --smoke]
  --json   one JSON object per line and peer, and nothing else on standard output
  --only   this bench; may be given several times, or as a list with commas
  --runs   how many runs the medians are of (${RUNS})
  --check  exit code 1 where a bound is missed, or a peer is ahead that should not be
  --smoke  tiny sizes, one run: whether the benches work
Benches: ${all.map(({ name }) => name).join(', ')}`;
}
