import type { Anomalies, HistoryReport } from './check-history.ts';

const HEADINGS: Readonly<Record<keyof Anomalies, string>> = {
  lost: 'lost',
  duplicated: 'handled more than once',
  settledTwice: 'settled twice',
  settledLate: 'settled late',
  neverSettled: 'never settled',
  orderViolations: 'out of order',
  unexpected: 'unexpected',
  diverged: 'diverged',
};

/** Anomalies of one kind beyond these are only counted. */
const SHOWN = 20;

/** Writes a report as text, for the message of an assertion: the counts, then each anomaly with its event's life. */
export function formatHistory(report: HistoryReport): string {
  const { published, received, handled, deadLettered, skipped, expired } = report;
  const counts = `${published} published, ${received} received, ${handled} handled, ${deadLettered} dead-lettered, ${skipped} skipped, ${expired} leases lost`;
  const kinds = Object.keys(HEADINGS) as (keyof Anomalies)[];
  return [`history ${report.ok ? 'ok' : 'NOT ok'}: ${counts}`, ...kinds.flatMap((kind) => section(report, kind))].join(
    '\n',
  );
}

function section(report: HistoryReport, kind: keyof Anomalies): readonly string[] {
  const list = report[kind];
  if (list.length === 0) return [];
  const allowed = report.allowed.includes(kind) ? ', allowed' : '';
  const lines = list.slice(0, SHOWN).map(({ key, details }) => `  ${key}: ${details}`);
  if (list.length > SHOWN) lines.push(`  and ${list.length - SHOWN} more`);
  return [`${HEADINGS[kind]} (${list.length}${allowed}):`, ...lines];
}
