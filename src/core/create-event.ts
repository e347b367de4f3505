import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { InvalidEventError } from './errors.ts';
import { AUTO_POPULATE, type Event } from './event.ts';
import { type IdFactory, uuidv4 } from './ids.ts';
import { validateEvent } from './validate-event.ts';

/** What an event is made of. All but `type` may be missing; other names are extension attributes. */
export interface EventInit<T = unknown> extends EventAttributes {
  readonly type: string;
  /** Any value. `null`, `0`, `false` and `''` are data; `undefined` is none. */
  readonly data?: T;
}

/** The attributes of an event beside its type and data. One that is `undefined` or `null` is left out. */
export interface EventAttributes {
  /** Always `1.0`. */
  readonly specversion?: string | null | undefined;
  /** A URI-reference. @defaultValue {@link AUTO_POPULATE}: the client name of the transport that publishes it */
  readonly source?: string | null | undefined;
  /** @defaultValue the next id of `options.id` */
  readonly id?: string | null | undefined;
  readonly subject?: string | null | undefined;
  /** RFC 3339, kept as it is written; `null` for an event without a time. @defaultValue the scheduler's time */
  readonly time?: string | null | undefined;
  /** `null` for none. @defaultValue `application/json`, if there are data and they are not a `Uint8Array` */
  readonly datacontenttype?: string | null | undefined;
  /** An absolute URI. */
  readonly dataschema?: string | null | undefined;
  readonly [extension: string]: unknown;
}

/** Options for {@link createEvent}. */
export interface CreateEventOptions {
  /** Makes the id of an event that names none. @defaultValue `uuidv4()` */
  readonly id?: IdFactory;
  /** Clock for the time of an event that names none. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/**
 * Makes a valid event: fills in what is missing, leaves out what is `undefined` or `null`, and freezes the result. The
 * data are neither copied nor frozen.
 *
 * @example
 * ```ts
 * createEvent({ type: 'com.example.order.placed', source: '/shop', subject: order.id, data: order });
 * ```
 *
 * @throws InvalidEventError when the event breaks a rule of CloudEvents 1.0.
 */
export function createEvent<T = unknown>(init: EventInit<T>, options: CreateEventOptions = {}): Event<T> {
  const { id = defaultId, scheduler = asyncScheduler } = options;
  const {
    subject,
    time = timestamp(scheduler.now()),
    datacontenttype = impliedContentType(init.data),
    dataschema,
  } = init;
  const event: Draft<T> = {
    specversion: init.specversion ?? '1.0',
    id: init.id ?? id(),
    source: init.source ?? AUTO_POPULATE,
    type: init.type,
  };
  if (subject !== undefined && subject !== null) event.subject = subject;
  if (time !== null) event.time = time;
  if (datacontenttype !== null) event.datacontenttype = datacontenttype;
  if (dataschema !== undefined && dataschema !== null) event.dataschema = dataschema;
  addExtensions(event, init);
  if (init.data !== undefined) event.data = init.data;

  validateEvent(event);
  return Object.freeze(event);
}

/** An event that is still being put together. */
type Draft<T> = { -readonly [K in keyof Event<T>]: Event<T>[K] };

const defaultId: IdFactory = /* @__PURE__ */ uuidv4();

/** The last time that was written as text: many events are made within one millisecond. */
let lastTime = Number.NaN;
let lastText = '';

function timestamp(time: number): string {
  if (time !== lastTime) {
    lastText = new Date(time).toISOString();
    lastTime = time;
  }
  return lastText;
}

function impliedContentType(data: unknown): string | null {
  return data === undefined || data instanceof Uint8Array ? null : 'application/json';
}

function addExtensions(event: Draft<unknown>, init: Readonly<Record<string, unknown>>): void {
  for (const name in init) {
    if (CORE_NAMES.has(name)) continue;
    const value = init[name];
    if (value === undefined || value === null) continue;
    if (name === '__proto__') throw new InvalidEventError(name, 'is not a name that an attribute can have');
    event[name] = value;
  }
}

const CORE_NAMES: ReadonlySet<string> = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
  'data',
]);
