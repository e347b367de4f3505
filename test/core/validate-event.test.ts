import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidEventError } from '../../src/core/errors.ts';
import { isEvent, validateEvent } from '../../src/core/validate-event.ts';

const required = { specversion: '1.0', id: '1', source: '/shop', type: 'com.example.placed' };

function errorOf(value: unknown): InvalidEventError | undefined {
  try {
    validateEvent(value);
    return undefined;
  } catch (error) {
    return error as InvalidEventError;
  }
}

const valid: readonly (readonly [string, unknown])[] = [
  ['the required attributes alone', required],
  ['a relative source', { ...required, source: '#fragment' }],
  [
    'every core attribute',
    {
      ...required,
      datacontenttype: 'text/plain; charset=utf-8',
      dataschema: 'https://example.com/order.json',
      subject: 'o-1',
      time: '2018-04-05T17:31:00.123456789+02:00',
      data: 'text',
    },
  ],
  [
    'every type of extension',
    {
      ...required,
      text: 'Euro € 😀',
      empty: '',
      yes: true,
      no: false,
      zero: 0,
      largest: 2_147_483_647,
      smallest: -2_147_483_648,
      binary: new Uint8Array([0]),
      averylongnameoverthetwentycharacters: 1,
      constructor: 'a name like any other',
    },
  ],
  ['null as data', { ...required, data: null }],
  ['an object as data', { ...required, data: { nested: ['\u0000'] } }],
  ['bytes as data', { ...required, data: new Uint8Array([1]) }],
  ['a Buffer as data', { ...required, data: Buffer.from([1]) }],
  ['base64 data', { ...required, data_base64: 'YQ==' }],
  ['an attribute that is undefined', { ...required, subject: undefined, data: undefined, data_base64: '' }],
  ['an object without a prototype', Object.assign(Object.create(null), required)],
  ['an event of the SDK', new CloudEvent({ source: '/shop', type: 'com.example.placed', data: { a: 1 } })],
];

const name = "must have a name of 'a' to 'z' and '0' to '9' only";
const nonEmpty = 'must be a non-empty string';
const text = 'must hold no control characters, noncharacters or unpaired surrogates';
const extension = 'must be a string, a boolean, a whole number or a Uint8Array';
const bytes = 'must be given as a Uint8Array when it is binary';
const notAnObject = 'is required, but the value is not an object';

const invalid: readonly (readonly [attribute: string, rule: string, value: unknown])[] = [
  ['specversion', notAnObject, null],
  ['specversion', notAnObject, undefined],
  ['specversion', notAnObject, 'event'],
  ['specversion', notAnObject, [required]],
  ['specversion', 'is required', {}],
  ['specversion', 'is required', { ...required, specversion: undefined }],
  ['specversion', "must be '1.0'", { ...required, specversion: '' }],
  ['specversion', "must be '1.0'", { ...required, specversion: '0.3' }],
  ['specversion', "must be '1.0'", { ...required, specversion: '1.0.2' }],
  ['specversion', "must be '1.0'", { ...required, specversion: 1 }],
  ['id', 'is required', { ...required, id: undefined }],
  ['id', nonEmpty, { ...required, id: '' }],
  ['id', nonEmpty, { ...required, id: null }],
  ['id', nonEmpty, { ...required, id: 25 }],
  ['id', nonEmpty, { ...required, id: {} }],
  ['id', text, { ...required, id: 'a\u0000' }],
  ['source', 'is required', { ...required, source: undefined }],
  ['source', nonEmpty, { ...required, source: '' }],
  ['source', nonEmpty, { ...required, source: new URL('https://example.com') }],
  ['source', 'must be a URI-reference of RFC 3986', { ...required, source: 'my shop' }],
  ['type', 'is required', { ...required, type: undefined }],
  ['type', nonEmpty, { ...required, type: '' }],
  ['type', text, { ...required, type: '\ud800' }],
  ['subject', nonEmpty, { ...required, subject: '' }],
  ['subject', nonEmpty, { ...required, subject: null }],
  ['subject', text, { ...required, subject: '\ufffe' }],
  ['time', 'must be a timestamp of RFC 3339', { ...required, time: '2018-04-05T18:31Z' }],
  ['time', 'must be a timestamp of RFC 3339', { ...required, time: new Date(0) }],
  ['datacontenttype', 'must be a media type of RFC 2046', { ...required, datacontenttype: '' }],
  ['datacontenttype', 'must be a media type of RFC 2046', { ...required, datacontenttype: 'xyz' }],
  ['dataschema', 'must be an absolute URI of RFC 3986', { ...required, dataschema: '' }],
  ['dataschema', 'must be an absolute URI of RFC 3986', { ...required, dataschema: '/order.json' }],
  ['data', bytes, { ...required, data: new ArrayBuffer(1) }],
  ['data', bytes, { ...required, data: new SharedArrayBuffer(1) }],
  ['data', bytes, { ...required, data: new DataView(new ArrayBuffer(1)) }],
  ['data', bytes, { ...required, data: new Float64Array(1) }],
  ['data_base64', 'must be base64 of RFC 4648', { ...required, data_base64: '%' }],
  ['data_base64', 'must be base64 of RFC 4648', { ...required, data_base64: 1 }],
  [
    'data_base64',
    "must stand alone: an event has 'data' or 'data_base64', not both",
    {
      ...required,
      data: null,
      data_base64: 'YQ==',
    },
  ],
  ['MyExtension', name, { ...required, MyExtension: 'bad' }],
  ['my.extension', name, { ...required, 'my.extension': 'bad' }],
  ['my_extension', name, { ...required, my_extension: 'bad' }],
  ['', name, { ...required, '': 'bad' }],
  ['__proto__', name, JSON.parse('{"specversion":"1.0","id":"1","source":"/","type":"t","__proto__":"bad"}')],
  ['extra', text, { ...required, extra: '\u007f' }],
  ['extra', 'must be a whole number of 32 bits', { ...required, extra: 1.5 }],
  ['extra', 'must be a whole number of 32 bits', { ...required, extra: 2_147_483_648 }],
  ['extra', 'must be a whole number of 32 bits', { ...required, extra: -2_147_483_649 }],
  ['extra', 'must be a whole number of 32 bits', { ...required, extra: Number.NaN }],
  ['extra', extension, { ...required, extra: null }],
  ['extra', extension, { ...required, extra: {} }],
  ['extra', extension, { ...required, extra: ['a'] }],
  ['extra', extension, { ...required, extra: new Date(0) }],
  ['extra', extension, { ...required, extra: 1n }],
  ['extra', extension, { ...required, extra: new ArrayBuffer(1) }],
];

describe('validateEvent', () => {
  it.each(valid)('accepts %s', (_, value) => {
    expect(errorOf(value)).toBeUndefined();
  });

  it.each(invalid)('refuses %j that %s: %o', (attribute, rule, value) => {
    expect(errorOf(value)).toEqual(new InvalidEventError(attribute, rule));
  });

  it('names the attribute and the rule in its message', () => {
    expect(() => validateEvent({ ...required, id: '' })).toThrow("Event attribute 'id' must be a non-empty string");
  });

  it('accepts generated events', () => {
    fc.assert(fc.property(events, (event) => errorOf(event) === undefined));
  });

  it('names the attribute of a generated event that was spoilt', () => {
    fc.assert(
      fc.property(events, mutations, (event, { attribute, value }) => {
        expect(errorOf({ ...event, [attribute]: value })?.attribute).toBe(attribute);
      }),
    );
  });
});

describe('isEvent', () => {
  it.each(valid)('accepts %s', (_, value) => {
    expect(isEvent(value)).toBe(true);
  });

  it.each(invalid)('refuses %j that %s: %o', (_attribute, _rule, value) => {
    expect(isEvent(value)).toBe(false);
  });
});

const words = fc.stringMatching(/^[ -~\u00a0-\ud7ff]+$/);
const extensions = fc.dictionary(
  fc.stringMatching(/^x[a-z0-9]{0,9}$/),
  fc.oneof(words, fc.boolean(), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.uint8Array()),
  { maxKeys: 4 },
);
const core = fc.record(
  {
    specversion: fc.constant('1.0'),
    id: words,
    source: fc.oneof(
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.uuid().map((id) => `urn:uuid:${id}`),
    ),
    type: words,
    subject: words,
    dataschema: fc.webUrl(),
    datacontenttype: fc.constantFrom('application/json', 'text/plain; charset=utf-8'),
    data: fc.jsonValue(),
  },
  { requiredKeys: ['specversion', 'id', 'source', 'type'] },
);
const events = fc.tuple(extensions, core).map(([more, event]) => ({ ...more, ...event }));

const spoilt = words.map((before) => `${before}\u0007`);
const mutations = fc.oneof(
  fc.record({
    attribute: fc.constantFrom('id', 'source', 'type', 'subject', 'dataschema', 'time', 'y'),
    value: spoilt,
  }),
  fc.record({
    attribute: fc.constantFrom('id', 'source', 'type', 'subject', 'dataschema', 'time'),
    value: fc.constant(''),
  }),
  fc.record({ attribute: fc.constantFrom('id', 'source', 'type'), value: fc.constant(undefined) }),
  fc.record({ attribute: fc.constantFrom('y', 'id', 'subject'), value: fc.double({ noInteger: true }) }),
  fc.record({ attribute: fc.stringMatching(/^[a-z]*[A-Z_.-][a-z]*$/), value: fc.constant('bad') }),
);
