export {
  type Backoff,
  cap,
  constant,
  defaultBackoff,
  delays,
  type ExponentialOptions,
  exponential,
  type JitterOptions,
  jitter,
  type LinearOptions,
  linear,
  maxAttempts,
  maxElapsed,
  type NaturalExponentialOptions,
  naturalExponential,
  never,
  STOP,
  stopAbove,
} from './backoff.ts';
export { type CreateEventOptions, createEvent, type EventAttributes, type EventInit } from './create-event.ts';
export { bytesCodec, type DataCodec, jsonCodec, textCodec } from './data-codec.ts';
export { deadLetterHeaders, type GivenUp, redriveCount } from './dead-letter-headers.ts';
export type { Claim, ClaimResult, DedupeStore } from './dedupe-store.ts';
export {
  type DefineEventOptions,
  defineEvent,
  type EventData,
  type EventDefinition,
  type EventInput,
} from './define-event.ts';
export type { Delivery, MessageHeaders, Position, SubscriptionInfo } from './delivery.ts';
export {
  AlreadyRunningError,
  BufferOverflowError,
  ConfirmFailedError,
  ConsumerConflictError,
  ConsumerNotFoundError,
  DeadLetterRefusedError,
  DecodeError,
  type DecodeErrorOptions,
  FatalError,
  HandlerTimeoutError,
  InvalidAddressError,
  InvalidEventError,
  InvalidNameError,
  LeaseLostError,
  LimitReachedError,
  MaxDeliveriesError,
  MillraceError,
  type MillraceErrorCode,
  NoRespondersError,
  PublishError,
  RemoteError,
  RequestTimeoutError,
  RetryAtError,
  RetryExhaustedError,
  SchemaFailedError,
  type SchemaIssue,
  SchemaRejectedError,
  StoreFailedError,
  StreamConflictError,
  StreamNotFoundError,
  TransportClosedError,
  UnboundAddressError,
  WrongSequenceError,
} from './errors.ts';
export { AUTO_POPULATE, type Event, eventKey } from './event.ts';
export { fatal, isFatal, retryAt, retryAtOf } from './failures.ts';
export { type IdFactory, ksuid, type SortableIdOptions, uuidv4, uuidv7, type XidOptions, xid } from './ids.ts';
export type { MediaType } from './media-type.ts';
export { type MemoryDedupeStore, type MemoryDedupeStoreOptions, memoryDedupeStore } from './memory-dedupe-store.ts';
export {
  type AddressOptions,
  addressMatcher,
  isSubset,
  isValidAddress,
  matchesAddress,
  overlaps,
  validateAddress,
  validateName,
} from './names.ts';
export {
  type Arrival,
  type DeadLettered,
  type Failed,
  type Handler,
  isOutcome,
  type Outcome,
  type Retry,
  type Skipped,
  type Succeeded,
} from './outcome.ts';
export { type ProtobufCodecOptions, protobufCodec } from './protobuf-codec.ts';
export type { RawMessage, RawWire, Wired } from './raw-wire.ts';
export type {
  InferInput,
  InferOutput,
  StandardSchemaProps,
  StandardSchemaResult,
  StandardSchemaV1,
} from './standard-schema.ts';
export type { Status } from './status.ts';
export { newTransactionId, type TransactionIdOptions, transactionOf, withTransaction } from './transaction.ts';
export type {
  Capabilities,
  DrainOptions,
  DrainReport,
  Expectation,
  IncomingRequest,
  OverflowPolicy,
  Publisher,
  PublishOptions,
  Receipt,
  Requester,
  RequestOptions,
  Responder,
  ResponderNotice,
  StartPosition,
  Subscriber,
  SubscriptionOptions,
  Transport,
} from './transport.ts';
export { isEvent, validateEvent } from './validate-event.ts';
export type { ValueCodec, ValueCodecName } from './value-codec.ts';
