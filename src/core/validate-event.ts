import { InvalidEventError } from './errors.ts';
import type { Event } from './event.ts';
import { isAttributeName } from './is-attribute-name.ts';
import { isBase64 } from './is-base64.ts';
import { isMediaType } from './is-media-type.ts';
import { isText } from './is-text.ts';
import { isTimestamp } from './is-timestamp.ts';
import { isUri, isUriReference } from './is-uri-reference.ts';
import { rememberValid } from './remember-valid.ts';

/** Which rule an event breaks, and where. */
interface Violation {
  readonly attribute: string;
  readonly rule: string;
}

/**
 * Throws an {@link InvalidEventError} that names the attribute and the rule, unless a value is an event by the rules of
 * CloudEvents 1.0.
 *
 * An attribute that is `undefined` counts as absent; `null` does not, so a decoder drops nulls first. An extension that
 * is a `Uint8Array` is Binary. Data may be any value; bytes must be given as a `Uint8Array`, since other buffers and views
 * would be encoded as empty objects.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export function validateEvent(value: unknown): asserts value is Event {
  const violation = findViolation(value);
  if (violation !== undefined) throw new InvalidEventError(violation.attribute, violation.rule);
}

/** Tells whether a value is an event by the rules of CloudEvents 1.0; see {@link validateEvent}. */
export function isEvent(value: unknown): value is Event {
  return findViolation(value) === undefined;
}

// Most events of a program share these with many others.
const isType = /* @__PURE__ */ rememberValid(isText);
const isSource = /* @__PURE__ */ rememberValid(isUriReference);
const isContentType = /* @__PURE__ */ rememberValid(isMediaType);
const isSchema = /* @__PURE__ */ rememberValid(isUri);

const TEXT_RULE = 'must hold no control characters, noncharacters or unpaired surrogates';
const NON_EMPTY_RULE = 'must be a non-empty string';
const DATA_RULE = "must stand alone: an event has 'data' or 'data_base64', not both";

// Every publish and every received event comes through here. The loops over character codes that it calls are several
// times as fast as the regular expressions that would say the same, and cannot be made to backtrack.
function findViolation(value: unknown): Violation | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { attribute: 'specversion', rule: 'is required, but the value is not an object' };
  }
  const event = value as Readonly<Record<string, unknown>>;
  for (const name in event) {
    const attribute = event[name];
    if (attribute === undefined) continue;
    const rule = brokenRule(name, attribute);
    if (rule !== undefined) return { attribute: name, rule };
  }
  return findMissing(event as Readonly<Record<RequiredName | DataName, unknown>>);
}

type RequiredName = 'specversion' | 'id' | 'source' | 'type';
type DataName = 'data' | 'data_base64';

function findMissing(event: Readonly<Record<RequiredName | DataName, unknown>>): Violation | undefined {
  const rule = 'is required';
  if (event.specversion === undefined) return { attribute: 'specversion', rule };
  if (event.id === undefined) return { attribute: 'id', rule };
  if (event.source === undefined) return { attribute: 'source', rule };
  if (event.type === undefined) return { attribute: 'type', rule };
  if (event.data_base64 !== undefined && event.data !== undefined) return { attribute: 'data_base64', rule: DATA_RULE };
  return undefined;
}

function brokenRule(name: string, value: unknown): string | undefined {
  switch (name) {
    case 'specversion':
      return value === '1.0' ? undefined : "must be '1.0'";
    case 'id':
    case 'subject':
      if (typeof value !== 'string' || value === '') return NON_EMPTY_RULE;
      return isText(value) ? undefined : TEXT_RULE;
    case 'type':
      if (typeof value !== 'string' || value === '') return NON_EMPTY_RULE;
      return isType(value) ? undefined : TEXT_RULE;
    case 'source':
      if (typeof value !== 'string' || value === '') return NON_EMPTY_RULE;
      return isSource(value) ? undefined : 'must be a URI-reference of RFC 3986';
    case 'time':
      return typeof value === 'string' && isTimestamp(value) ? undefined : 'must be a timestamp of RFC 3339';
    case 'datacontenttype':
      return typeof value === 'string' && isContentType(value) ? undefined : 'must be a media type of RFC 2046';
    case 'dataschema':
      return typeof value === 'string' && isSchema(value) ? undefined : 'must be an absolute URI of RFC 3986';
    case 'data':
      return isBytesOtherThanUint8Array(value) ? 'must be given as a Uint8Array when it is binary' : undefined;
    case 'data_base64':
      return typeof value === 'string' && isBase64(value) ? undefined : 'must be base64 of RFC 4648';
    default:
      return isAttributeName(name) ? brokenExtensionRule(value) : "must have a name of 'a' to 'z' and '0' to '9' only";
  }
}

function brokenExtensionRule(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isText(value) ? undefined : TEXT_RULE;
    case 'boolean':
      return undefined;
    case 'number':
      return (value | 0) === value ? undefined : 'must be a whole number of 32 bits';
    default:
      return value instanceof Uint8Array ? undefined : 'must be a string, a boolean, a whole number or a Uint8Array';
  }
}

function isBytesOtherThanUint8Array(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}
