/** What a handler returns that has no response; made by {@link noResponse}. */
export interface NoResponse {
  readonly kind: 'noResponse';
}

const NO_RESPONSE: NoResponse = /* @__PURE__ */ Object.freeze({ kind: 'noResponse' });

/**
 * Says that an event has no response: its handler is done, and nothing is published.
 *
 * @example
 * ```ts
 * listen(transport, { 'order.placed': (delivery) => (isKnown(delivery.event) ? noResponse() : reserve(delivery.event)) }, options);
 * ```
 */
export function noResponse(): NoResponse {
  return NO_RESPONSE;
}

/** Tells it from a response. */
export function isNoResponse(value: unknown): value is NoResponse {
  return value === NO_RESPONSE;
}
