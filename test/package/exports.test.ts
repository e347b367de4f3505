import * as millrace from 'millrace';
import * as memory from 'millrace/memory';
import * as nats from 'millrace/nats';
import * as testing from 'millrace/testing';
import { describe, expect, it } from 'vitest';

// A name that appears or disappears here is a change of the public interface: it belongs in CHANGELOG.md.
// After such a change: npm test -- test/package/exports.test.ts -u
describe('exported names', () => {
  it('of millrace', () => {
    expect(namesOf(millrace)).toMatchInlineSnapshot(`
      [
        "AUTO_POPULATE",
        "AlreadyRunningError",
        "BufferOverflowError",
        "ConfirmFailedError",
        "ConsumerConflictError",
        "ConsumerNotFoundError",
        "DeadLetterRefusedError",
        "DecodeError",
        "FatalError",
        "HandlerTimeoutError",
        "InvalidAddressError",
        "InvalidEventError",
        "InvalidNameError",
        "LeaseLostError",
        "LimitReachedError",
        "MaxDeliveriesError",
        "MillraceError",
        "NoRespondersError",
        "NotClosedError",
        "PublishError",
        "RemoteError",
        "RequestTimeoutError",
        "RetryAtError",
        "RetryExhaustedError",
        "STOP",
        "SchemaFailedError",
        "SchemaRejectedError",
        "StoreFailedError",
        "StreamConflictError",
        "StreamNotFoundError",
        "TransportClosedError",
        "UnboundAddressError",
        "WrongSequenceError",
        "adaptiveStep",
        "addressMatcher",
        "boundedConcurrency",
        "bytesCodec",
        "cap",
        "constant",
        "consume",
        "createEvent",
        "deadLetter",
        "deadLetterHeaders",
        "dedupe",
        "defaultBackoff",
        "defineEvent",
        "delays",
        "eventKey",
        "exponential",
        "fatal",
        "handle",
        "isEvent",
        "isFatal",
        "isOutcome",
        "isSubset",
        "isValidAddress",
        "jitter",
        "jsonCodec",
        "ksuid",
        "linear",
        "matchesAddress",
        "maxAttempts",
        "maxElapsed",
        "memoryDedupeStore",
        "naturalExponential",
        "never",
        "newTransactionId",
        "ofType",
        "overlaps",
        "processSignals",
        "protobufCodec",
        "publishTo",
        "redeliver",
        "redrive",
        "redriveCount",
        "retryAt",
        "retryAtOf",
        "retryBackoff",
        "service",
        "settle",
        "stopAbove",
        "textCodec",
        "transactionOf",
        "uuidv4",
        "uuidv7",
        "validateAddress",
        "validateEvent",
        "validateName",
        "withTransaction",
        "xid",
      ]
    `);
  });

  it('of millrace/memory', () => {
    expect(namesOf(memory)).toMatchInlineSnapshot(`
      [
        "consumerInfo",
        "deleteConsumer",
        "deleteMessage",
        "deleteStream",
        "ensureConsumer",
        "ensureStream",
        "memoryBroker",
        "memoryTransport",
        "pauseConsumer",
        "purgeStream",
        "resumeConsumer",
        "streamInfo",
      ]
    `);
  });

  it('of millrace/nats', () => {
    expect(namesOf(nats)).toMatchInlineSnapshot(`
      [
        "AuthenticationFailedError",
        "BucketNotFoundError",
        "ConnectionFailedError",
        "ConnectionLostError",
        "JetStreamApiError",
        "JetStreamUnavailableError",
        "KeyExistsError",
        "PermissionDeniedError",
        "UnsupportedByServerError",
        "WrongRevisionError",
        "advisories",
        "advisoryCodec",
        "bucketInfo",
        "cloudEventsCodec",
        "connectNats",
        "connectionStatus",
        "consumerInfo",
        "consumerNames",
        "deadLetterMaxDeliveries",
        "decodeHeaders",
        "deleteBucket",
        "deleteConsumer",
        "deleteMessage",
        "deleteStream",
        "encodeHeaders",
        "ensureBucket",
        "ensureConsumer",
        "ensureStream",
        "getMessage",
        "jetstreamFeatures",
        "jetstreamTransport",
        "kvDedupeStore",
        "kvStore",
        "listConsumers",
        "listStreams",
        "natsOptionsFromEnvironment",
        "natsSettingsFromEnvironment",
        "natsTransport",
        "pauseConsumer",
        "purgeStream",
        "resumeConsumer",
        "streamInfo",
        "streamNames",
        "toEvent",
        "toMessage",
      ]
    `);
  });

  it('of millrace/testing', () => {
    expect(namesOf(testing)).toMatchInlineSnapshot(`
      [
        "InjectedFaultError",
        "fakeDelivery",
        "faults",
        "formatHistory",
        "history",
        "marbles",
        "seededRandom",
        "transportContract",
        "virtualTime",
      ]
    `);
  });
});

function namesOf(module: object): string[] {
  return Object.keys(module).sort();
}
