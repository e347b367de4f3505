// Compares millrace with its peers: npm run bench -- [--json] [--only NAME] [--runs N] [--check | --smoke]
import { availableParallelism, cpus } from 'node:os';
import { benches } from './benches.ts';
import { compare, type Row } from './harness/compare.ts';
import { readOptions, UsageError } from './harness/options.ts';
import { jsonLine, table } from './harness/report.ts';

async function main(): Promise<number> {
  const { benches: chosen, json, smoke, check, runs } = readOptions(process.argv.slice(2), benches);
  const rows: Row[] = [];
  console.error(`Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model}, medians of ${runs} runs`);
  for (const bench of chosen) {
    console.error(`${bench.name} …`);
    const compared = await compare(bench, { runs, smoke });
    rows.push(...compared);
    if (json) for (const row of compared) console.log(jsonLine(row));
  }
  if (!json) console.log(table(rows));
  return check && rows.some(({ ok }) => !ok) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
