// The process of one side: node child.js BENCH SIDE EVENTS. It does a step of its work for each message that it gets.
import { benches } from '../benches.ts';
import type { Figures } from './bench.ts';

/** What became of a step. */
export type Answer =
  | { readonly kind: 'going' }
  | { readonly kind: 'done'; readonly figures: Figures }
  | { readonly kind: 'failed'; readonly error: string };

const [name, sideName = '', events] = process.argv.slice(2);
const bench = benches.find((candidate) => candidate.name === name);
const side = bench?.peers[sideName] ?? bench?.ours;
const work = side?.(Number(events));

async function step(): Promise<Answer> {
  if (work === undefined) return { kind: 'failed', error: 'There is no such bench' };
  try {
    const { done, value } = await work.next();
    return done ? { kind: 'done', figures: value } : { kind: 'going' };
  } catch (error) {
    return { kind: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', () => {
  void step().then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
