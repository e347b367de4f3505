import fc from 'fast-check';
import type { Event } from '../../src/core/event.ts';

/** Text that an attribute may hold: no control characters, noncharacters or unpaired surrogates. */
const text = fc.string({ unit: fc.oneof(printable(), fc.constantFrom('€', 'é', '😀', '%', '"', '\\', ' ', '\u00a0')) });
const word = text.filter((value) => value !== '');

const extensions = fc.dictionary(
  fc.stringMatching(/^x[a-z0-9]{0,9}$/),
  fc.oneof(text, fc.boolean(), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.uint8Array({ maxLength: 20 })),
  { maxKeys: 4 },
);

const times = fc.constantFrom('2018-04-05T17:31:00Z', '2018-04-05T17:31:00.123456789+02:00', '2016-12-31T23:59:60Z');

/** Data that come back as they were from JSON: it has no -0. */
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));

const content = fc.oneof(
  fc.record({ datacontenttype: fc.constantFrom('application/json', 'application/vnd.x+json; v=1'), data: json }),
  fc.record({ data: json }),
  fc.record({
    datacontenttype: fc.constantFrom('text/plain', 'text/html; charset=utf-8', 'application/xml'),
    data: text,
  }),
  fc.record({ datacontenttype: fc.constantFrom('application/octet-stream', 'image/png'), data: fc.uint8Array() }),
  fc.record({ data: fc.uint8Array() }),
  fc.record({ datacontenttype: fc.constantFrom('text/plain', 'application/json') }),
  fc.constant({}),
);

const core = fc.record(
  {
    specversion: fc.constant('1.0'),
    id: word,
    source: fc.oneof(
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.uuid().map((id) => `urn:uuid:${id}`),
      fc.constant('#fragment'),
    ),
    type: word,
    subject: word,
    dataschema: fc.webUrl(),
    time: times,
  },
  { requiredKeys: ['specversion', 'id', 'source', 'type'] },
);

/** Valid events of every kind, whose data are what their content type says. */
export const arbitraryEvent: fc.Arbitrary<Event> = fc
  .tuple(extensions, core, content)
  .map((parts) => Object.assign({}, ...parts) as Event);

/** What comes of an event's extensions where these travel as text: Binary always, and all of them in headers. */
export function withTextExtensions(event: Event, all: boolean): Event {
  const entries = Object.entries(event).map(([name, value]): [string, unknown] => {
    if (name === 'data') return [name, value];
    if (value instanceof Uint8Array) return [name, Buffer.from(value).toString('base64')];
    return [name, all ? String(value) : value];
  });
  return Object.fromEntries(entries) as unknown as Event;
}

function printable(): fc.Arbitrary<string> {
  return fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
}
