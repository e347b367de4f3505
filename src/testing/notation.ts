import { inspect } from 'node:util';
import type { Delivery } from '../core/delivery.ts';
import type { Outcome } from '../core/outcome.ts';
import type { FakeCall } from './fake-delivery.ts';

/** Names a delivery in a diagram. */
export type Label = (delivery: Delivery) => string;

/**
 * Writes an outcome the way `expectOutcomes` compares it: its kind, its delivery, and what else there is to say.
 *
 * `succeeded a` (with a value, its JSON: `succeeded a 5`, `succeeded a "x"`) · `skipped a <reason>` ·
 * `failed a <error message>` · `retry a <delay>` · `deadLettered a`; and ` (settle: <error message>)` where the settlement
 * itself failed.
 */
export function writeOutcome(outcome: Outcome, label: Label): string {
  const settleError = outcome.settleError === undefined ? '' : ` (settle: ${messageOf(outcome.settleError)})`;
  return words(outcome.kind, label(outcome.delivery), outcomeDetail(outcome)) + settleError;
}

/**
 * Writes a call on a delivery the way `expectSettlements` compares it: the delivery, the call, and what else there is to
 * say.
 *
 * `a ack` · `a nak 200` · `a term <reason>` · `a confirm` · `a lost` (its lease ran out) · `a working` ·
 * `a abort <message>`; then `late` where the lease was lost before, and `refused` where it changed nothing.
 */
export function writeCall({ kind, delay, reason, late, accepted }: FakeCall, name: string): string {
  const detail = kind === 'nak' ? String(delay) : kind === 'term' || kind === 'abort' ? messageOf(reason) : '';
  const isSettlement = kind !== 'lost' && kind !== 'working' && kind !== 'abort';
  return words(name, kind, detail, isSettlement && late ? 'late' : '', accepted ? '' : 'refused');
}

function outcomeDetail(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'succeeded':
      return outcome.value === undefined ? '' : json(outcome.value);
    case 'skipped':
      return outcome.reason;
    case 'failed':
      return messageOf(outcome.error);
    case 'retry':
      return String(outcome.delay);
    case 'deadLettered':
      return '';
  }
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? inspect(value);
  } catch {
    return inspect(value); // a bigint, a cycle
  }
}

function messageOf(error: unknown): string {
  if (error === undefined) return '';
  return error instanceof Error ? error.message : String(error);
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
