import type { Event } from '../../core/event.ts';
import type { ResponderNotice } from '../../core/transport.ts';

/** What one of those who were asked says: a reply, that it has sent all, that it failed, or what is no event. */
export type Answer<T = unknown> = { readonly kind: 'reply'; readonly event: Event<T> } | ResponderNotice;

/** How many answers came, of each kind. */
export interface AnswerCounts {
  readonly replies: number;
  /** Responders that said that they have sent all. */
  readonly ended: number;
  /** Responders that answered with an error. */
  readonly failed: number;
  /** Replies that are no event. */
  readonly unreadable: number;
}

export const NO_ANSWERS: AnswerCounts = /* @__PURE__ */ Object.freeze({
  replies: 0,
  ended: 0,
  failed: 0,
  unreadable: 0,
});

/** Counts one answer more. */
export function counted(counts: AnswerCounts, { kind }: Answer): AnswerCounts {
  const field = kind === 'reply' ? 'replies' : kind;
  return { ...counts, [field]: counts[field] + 1 };
}

/** Why no more answers are taken. */
export type EndReason<T = unknown> =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'stall'; readonly silence: number }
  | { readonly kind: 'deadline'; readonly time: number }
  /** That many responders said that they have sent all, or failed. */
  | { readonly kind: 'sentinel'; readonly responders: number }
  /** These replies agree. */
  | { readonly kind: 'quorum'; readonly agreed: readonly Event<T>[] }
  | { readonly kind: 'predicate' }
  | { readonly kind: 'allOf'; readonly reasons: readonly EndReason<T>[] }
  /** The requester itself ended the replies, as one does that knows of no notices. */
  | { readonly kind: 'completed' };

/** The last value of `requestMany`. */
export interface AnswersEnd<T = unknown> extends AnswerCounts {
  readonly kind: 'end';
  readonly reason: EndReason<T>;
}
