// The command line.
import { parseArgs } from 'node:util';

export interface Options {
  readonly events: number;
  readonly seed: number;
  readonly json: boolean;
  /** The NATS server to run on. */
  readonly nats: string | undefined;
}

const usage = `Usage: npm start -- [options]

  --events <n>  how many events are sent, each of them twice (default: 329, each payload once)
  --seed <n>    what chance decides: the same seed repeats a run (default: 1)
  --json        print the account as one JSON object on standard output, and nothing else there
  --nats <url>  run on a NATS server with JetStream, such as nats://localhost:4222 (default: on a broker in this process)
  --help        print this
`;

/** Reads the arguments. Ends the process where there is nothing to run: `--help`, or what cannot be understood. */
export function readOptions(args: readonly string[], defaults: { readonly events: number }): Options {
  try {
    const { events, seed, json, nats, help } = parse(args);
    if (!help) {
      return {
        events: events === undefined ? defaults.events : wholeNumber('--events', events, 1),
        seed: seed === undefined ? 1 : wholeNumber('--seed', seed, 0),
        json,
        nats,
      };
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
  process.stdout.write(usage);
  process.exit(0);
}

/** Raised for a command line that cannot be understood. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

interface Arguments {
  readonly events?: string;
  readonly seed?: string;
  readonly json: boolean;
  readonly nats?: string;
  readonly help: boolean;
}

function parse(args: readonly string[]): Arguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        events: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
        nats: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= MOST) return value;
  throw new UsageError(`${option} takes a whole number from ${least} to ${MOST}, not '${text}'`);
}

const MOST = 100_000_000;
