import type { SchedulerLike } from 'rxjs';
import { createEvent, type EventInit } from '../core/create-event.ts';
import type { Event } from '../core/event.ts';
import { transactionOf, withTransaction } from '../core/transaction.ts';

/**
 * Makes the event that a handler means: in the transaction of what it answers, unless it has one of its own. What is an
 * event already is only put into the transaction; `id` names one that has no id.
 */
export function completeDraft(
  draft: EventInit,
  request: Event,
  options: { readonly id?: string; readonly scheduler?: SchedulerLike | undefined } = {},
): Event {
  const transactionid = transactionOf(draft as Event) ?? transactionOf(request);
  if (isComplete(draft)) return transactionid === undefined ? draft : withTransaction(draft, transactionid);
  const { id, scheduler } = options;
  const clock = scheduler === undefined ? {} : { scheduler };
  return createEvent({ ...draft, transactionid, id: draft.id ?? id }, clock);
}

/** Whether it is an event already, and not only what one is made of. */
function isComplete(draft: EventInit): draft is Event {
  return typeof draft.id === 'string' && typeof draft.source === 'string' && draft.specversion === '1.0';
}
