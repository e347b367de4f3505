import type { CloudEventV1 } from 'cloudevents';

/**
 * A CloudEvents 1.0 event: a plain, readonly object of the SDK's `CloudEventV1<T>` shape.
 *
 * `time` is the text that was given (nanosecond digits and offsets survive); an event without `time` stays without.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export type Event<T = unknown> = Readonly<CloudEventV1<T>>;

/** The `source` that asks the publishing transport to fill in its client name. */
export const AUTO_POPULATE = 'AUTO_POPULATE';

/**
 * Returns what identifies an event: `source` and `id`, which CloudEvents makes unique together.
 *
 * A URI-reference holds no space, so a space is an unambiguous separator.
 */
export function eventKey(event: Event): string {
  return `${event.source} ${event.id}`;
}
