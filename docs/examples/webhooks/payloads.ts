// The traffic: 329 real webhook payloads, as CloudEvents, again and again until there are enough of them.
import examples from '@octokit/webhooks-examples' with { type: 'json' };
import { createEvent, type Event } from 'millrace';
import { definitions } from './events.ts';

/** What is looked at in a payload before any schema has seen it. */
interface Payload {
  readonly action?: string;
  readonly repository?: { readonly full_name: string; readonly html_url: string };
  readonly organization?: { readonly login: string };
}

interface PayloadGroup {
  readonly name: string;
  readonly examples: readonly Payload[];
}

// The package declares what its `require` yields; what an `import` of JSON yields is the list itself.
const groups = examples as unknown as readonly PayloadGroup[];
const payloads = groups.flatMap(({ name, examples }) =>
  examples.map((payload, index) => ({ name, payload, id: `${name}-${index + 1}` })),
);
const definitionOf = new Map(definitions.map((definition) => [definition.type, definition]));

/** How many different payloads there are. */
export const payloadCount: number = payloads.length;

/** How many copies of the payloads take turns. */
const COPIES_AT_ONCE = 64;

/** The largest number of events on a page. */
export const pageSize: number = COPIES_AT_ONCE * payloadCount;

/**
 * Makes `count` events, page by page as they are asked for.
 *
 * Beyond 329, the payloads repeat under new ids and from other repositories ('Hello-World-2', 'Hello-World-3'), as if
 * more and more repositories were sending; on a page, up to 64 of them take turns. The extension `sequence` is an event's number.
 */
export function* pagesOf(count: number): Generator<Event[]> {
  let sequence = 0;
  for (let start = 0; start < count; start += pageSize) {
    const size = Math.min(pageSize, count - start);
    const page: Event[] = [];
    for (let index = 0; index < payloadCount; index++) {
      for (let copy = 0; copy * payloadCount + index < size; copy++) {
        page.push(eventOf(index, start / payloadCount + copy + 1, sequence++));
      }
    }
    yield page;
  }
}

function eventOf(index: number, copy: number, sequence: number): Event {
  const { name, payload: original, id } = payloads[index] as (typeof payloads)[number];
  const payload = copy === 1 ? original : copyOf(original, copy);
  const type = ['com.github', name, payload.action].filter((part) => part !== undefined).join('.');
  const attributes = { id: copy === 1 ? id : `${id}-${copy}`, sequence: String(sequence).padStart(9, '0') };

  const definition = definitionOf.get(type);
  if (definition !== undefined) return definition.create(payload, attributes);
  return createEvent({
    ...attributes,
    type,
    source: payload.repository?.html_url ?? 'https://github.com',
    partitionkey: payload.repository?.full_name ?? payload.organization?.login,
    data: payload,
  });
}

/** The same payload from another repository, or organization. */
function copyOf(payload: Payload, copy: number): Payload {
  const { repository, organization } = payload;
  return {
    ...payload,
    ...(repository && {
      repository: {
        ...repository,
        full_name: `${repository.full_name}-${copy}`,
        html_url: `${repository.html_url}-${copy}`,
      },
    }),
    ...(organization && { organization: { ...organization, login: `${organization.login}-${copy}` } }),
  };
}
