import { NO_HEADERS, type Outgoing } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import type { Expectation } from '../../core/transport.ts';

/**
 * Returns the headers of a message that is to be published: the caller's, which stay as they are, the message id, what is
 * expected of the stream, and `extra`.
 */
export function publishHeaders(
  { headers, messageId, expect }: Outgoing,
  extra: MessageHeaders | undefined,
): MessageHeaders | undefined {
  if (headers === NO_HEADERS && expect === undefined && extra === undefined) {
    return messageId === undefined ? undefined : { 'Nats-Msg-Id': messageId };
  }
  const all: Record<string, string> = {};
  for (const name in headers) if (!isServers(name)) all[name] = headers[name] as string;
  if (messageId !== undefined) all['Nats-Msg-Id'] = messageId;
  if (expect !== undefined) addExpectation(all, expect);
  return extra === undefined ? all : Object.assign(all, extra);
}

/**
 * Whether a header is one by which servers are told what to do. Where they are handed on with a message that was received,
 * in a dead letter say, they would tell it again: its old id, what it expected, when to drop it.
 */
function isServers(name: string): boolean {
  return (name.charCodeAt(0) | 32) === 110 && name.slice(0, 5).toLowerCase() === 'nats-';
}

function addExpectation(headers: Record<string, string>, expect: Expectation): void {
  const { lastSequence, lastAddressSequence, lastMessageId, stream } = expect;
  if (lastSequence !== undefined) headers['Nats-Expected-Last-Sequence'] = String(lastSequence);
  if (lastAddressSequence !== undefined) headers['Nats-Expected-Last-Subject-Sequence'] = String(lastAddressSequence);
  if (lastMessageId !== undefined) headers['Nats-Expected-Last-Msg-Id'] = lastMessageId;
  if (stream !== undefined) headers['Nats-Expected-Stream'] = stream;
}
