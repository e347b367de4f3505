// The live view: a few lines that are drawn anew on a terminal, and a plain line now and then where there is none.
import type { Outcome } from 'millrace';
import { interval } from 'rxjs';
import type { Counts } from './account.ts';
import { laneOf } from './events.ts';

/** Options for {@link liveView}. */
export interface ViewOptions {
  /** Where it is shown. */
  readonly out: NodeJS.WriteStream;
  /** How many publishes there will be. */
  readonly expected: number;
  readonly counts: () => Counts;
}

export interface View {
  /** Says what is going on from now on. */
  phase(name: string): void;
  /** Shows what became of an event. */
  show(outcome: Outcome): void;
  /** Shows the last state, and leaves it there. */
  stop(): void;
}

export function liveView(options: ViewOptions): View {
  const { out } = options;
  return out.isTTY && process.env['TERM'] !== 'dumb' ? terminalView(options) : plainView(options);
}

/** How often a terminal is drawn anew, and how often a plain line is written, in ms. */
const FRAME = 80;
const PLAIN_INTERVAL = 1_000;

function terminalView({ out, expected, counts }: ViewOptions): View {
  const startedAt = performance.now();
  let name = '';
  let last = '';
  let drawn = 0;

  function draw(): void {
    const now = counts();
    const { failures } = now;
    const seconds = (performance.now() - startedAt) / 1_000;
    const lines = [
      `${bold('millrace')} · GitHub webhooks · ${name}`,
      `${bar(doneOf(now) / expected)} ${number(doneOf(now))} of ${number(expected)}`,
      `${green('handled')} ${number(now.handled)}   duplicates ${number(now.duplicatesAtBroker + now.duplicatesAtConsumer)}` +
        `   ${red('dead letters')} ${number(now.deadLettered - now.redriven)}   redriven ${number(now.redriven)}`,
      `failures: ${failures.thrown} thrown, ${failures.rejected} rejected, ${failures.errored} errored, ` +
        `${failures.timedOut + failures.slow} timed out, ${failures.fatal} fatal`,
      `${number(Math.round(doneOf(now) / seconds))}/s   ${now.lanes} lanes, ${now.lanesWaiting} of them wait for a retry`,
      dim(last),
    ];
    const up = drawn === 0 ? '' : `${ESC}[${drawn}A`;
    out.write(`${up}${ESC}[0J${lines.map((line) => clip(line, out.columns || 80)).join('\n')}\n`);
    drawn = lines.length;
  }

  const frames = interval(FRAME).subscribe(draw);
  return {
    phase(next) {
      name = next;
      draw();
    },
    show({ kind, delivery: { event } }) {
      last = [event.type, event.subject, laneOf(event), kind].filter((part) => part !== undefined).join(' · ');
    },
    stop() {
      frames.unsubscribe();
      last = '';
      draw();
    },
  };
}

function plainView({ out, expected, counts }: ViewOptions): View {
  function write(what: string): void {
    const now = counts();
    const duplicates = now.duplicatesAtBroker + now.duplicatesAtConsumer;
    out.write(
      `${what}: ${doneOf(now)} of ${expected}: handled ${now.handled}, duplicates ${duplicates}, ` +
        `dead letters ${now.deadLettered - now.redriven}, redriven ${now.redriven}\n`,
    );
  }

  let name = '';
  const ticks = interval(PLAIN_INTERVAL).subscribe(() => write(name));
  return {
    phase(next) {
      name = next;
      write(name);
    },
    show() {
      // One line for each would be too many.
    },
    stop() {
      ticks.unsubscribe();
      write('done');
    },
  };
}

function doneOf({ handled, duplicatesAtBroker, duplicatesAtConsumer, deadLettered }: Counts): number {
  return handled + duplicatesAtBroker + duplicatesAtConsumer + deadLettered;
}

const ESC = '\u001b';
const BAR = 40;

const style = (code: number) => (text: string) =>
  process.env['NO_COLOR'] === undefined ? `${ESC}[${code}m${text}${ESC}[0m` : text;
const bold = style(1);
const dim = style(2);
const red = style(31);
const green = style(32);

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR);
  return '█'.repeat(full) + '░'.repeat(BAR - full);
}

function number(value: number): string {
  return value.toLocaleString('en');
}

/** Cuts a line so that it takes one row, without counting what only colours it. */
function clip(line: string, columns: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
  const parts = line.split(/(\u001b\[\d+m)/);
  let room = columns;
  return parts
    .map((part) => {
      if (part.startsWith(ESC)) return part;
      const kept = part.slice(0, room);
      room -= kept.length;
      return kept;
    })
    .join('');
}
