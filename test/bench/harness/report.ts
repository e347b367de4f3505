import type { Row, Verdict } from './compare.ts';

const COLUMNS = ['bench', 'unit', 'ours', 'peer', 'theirs', 'ratio', 'bounds'] as const;

/** Writes rows as a table, to be read by people. */
export function table(rows: readonly Row[]): string {
  const cells = [[...COLUMNS], ...rows.map(cellsOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => pad(cell, column, widths))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Writes a row as one line of JSON. */
export function jsonLine(row: Row): string {
  return JSON.stringify(row, (_, value: unknown) => (typeof value === 'number' ? round(value) : value));
}

function cellsOf({ bench, unit, ours, peer, theirs, ratio, limits }: Row): string[] {
  return [bench, unit, format(ours), peer, format(theirs), ratio.toFixed(2), limits.map(boundOf).join('; ')];
}

function boundOf({ name, value, atLeast, atMost, ok }: Verdict): string {
  const bound = atLeast === undefined ? `<= ${format(atMost ?? 0)}` : `>= ${format(atLeast)}`;
  return `${name} ${format(value)} ${bound} ${ok ? 'ok' : 'MISSED'}`;
}

function pad(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  const isNumber = ['ours', 'theirs', 'ratio'].includes(COLUMNS[column] ?? '');
  return isNumber ? cell.padStart(width) : cell.padEnd(width);
}

function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 });
}

/** Four digits more than anybody can measure here, and none that only fill the line. */
function round(value: number): number {
  return Number(value.toPrecision(8));
}
