export { addressesOf, type TypeAddressing } from './addresses-of.ts';
export { AlreadyListeningError, InvalidListenerError, ResponseTimeoutError, SourceClosedError } from './errors.ts';
export {
  type EventSource,
  type EventSourceListenOptions,
  type EventSourceOptions,
  eventSource,
} from './event-source.ts';
export type { FeedSubscription, FeedTransport } from './feed.ts';
export { type EventHandler, type EventHandlers, type ListenOptions, type ListenSettings, listen } from './listen.ts';
export { type NoResponse, noResponse } from './no-response.ts';
export { type RequestEventOptions, requestEvent } from './request-event.ts';
export type { Emitted, ResponseOptions } from './respond.ts';
export { type WaitOptions, waitForResponse } from './wait-for-response.ts';
