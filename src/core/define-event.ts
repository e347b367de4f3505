import type { SchedulerLike } from 'rxjs';
import { type CreateEventOptions, createEvent, type EventAttributes } from './create-event.ts';
import { InvalidEventError, SchemaFailedError, SchemaRejectedError } from './errors.ts';
import type { Event } from './event.ts';
import type { InferInput, InferOutput, StandardSchemaResult, StandardSchemaV1 } from './standard-schema.ts';

/** Options for {@link defineEvent}. A function is given the data as the schema yields them. */
export interface DefineEventOptions<Output = unknown> {
  readonly type: string;
  /** A URI-reference. @defaultValue the client name of the transport that publishes the event */
  readonly source?: string | ((data: Output) => string | undefined);
  /** @defaultValue none */
  readonly subject?: string | ((data: Output) => string | undefined);
  /** What the extension attribute `partitionkey` holds. @defaultValue none */
  readonly partitionKey?: string | ((data: Output) => string | undefined);
  /** The absolute URI under which the schema is known. @defaultValue none */
  readonly dataschema?: string;
  /** Makes the id of each event. @defaultValue `uuidv4()` */
  readonly id?: (data: Output) => string;
  /** Clock for the events' times. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** A type of event: how to make one, and how to know and check one that was received. */
export interface EventDefinition<Input = unknown, Output = Input> {
  readonly type: string;
  /**
   * Makes an event from data that the schema accepts; its data are what the schema yields. `attributes` win over the
   * definition's own.
   *
   * @throws SchemaRejectedError when the schema rejects the data, SchemaFailedError when it throws, InvalidEventError
   * when the event breaks a rule of CloudEvents, TypeError when the schema answers asynchronously.
   */
  create(data: Input, attributes?: EventAttributes): Event<Output>;
  /** Does what `create` does, for a schema that may answer asynchronously; every failure is a rejection. */
  createAsync(data: Input, attributes?: EventAttributes): Promise<Event<Output>>;
  /** Tells by its type alone whether an event is one of these; `validate` checks its data. */
  is(event: Event): event is Event<Output>;
  /**
   * Checks the data of a received event: returns the event with what the schema yields, and at once, unless the schema
   * answers asynchronously.
   *
   * @throws (or rejects with) SchemaRejectedError when the schema rejects the data, SchemaFailedError when it throws,
   * InvalidEventError when the event is of another type.
   */
  validate(event: Event): Event<Output> | Promise<Event<Output>>;
}

/** The type of the data in the events of a definition. */
export type EventData<D> = D extends EventDefinition<never, infer Output> ? Output : never;

/** The type of the data that a definition makes events from. */
export type EventInput<D> = D extends EventDefinition<infer Input, unknown> ? Input : never;

/**
 * Defines a type of event: what its data are, and which attributes follow from them.
 *
 * `schema` is of any library that implements Standard Schema. Without one, nothing is checked, and the data are of the
 * type that the caller names.
 *
 * @example
 * ```ts
 * const orderPlaced = defineEvent({
 *   type: 'com.example.order.placed',
 *   schema: z.object({ id: z.string(), total: z.number() }),
 *   subject: (order) => order.id,
 * });
 * transport.publish(orderPlaced.create({ id: 'o-1', total: 42 }));
 * ```
 */
export function defineEvent<S extends StandardSchemaV1>(
  options: DefineEventOptions<InferOutput<S>> & { readonly schema: S },
): EventDefinition<InferInput<S>, InferOutput<S>>;
export function defineEvent<T = unknown>(options: DefineEventOptions<T>): EventDefinition<T, T>;
export function defineEvent<Input, Output>(
  options: DefineEventOptions<Output> & { readonly schema?: StandardSchemaV1<Input, Output> },
): EventDefinition<Input, Output> {
  const { type, schema, source, subject, partitionKey, dataschema, id, scheduler } = options;
  const createOptions: CreateEventOptions = scheduler === undefined ? {} : { scheduler };

  function ask(value: unknown): Answer<Output> {
    return schema === undefined ? { value: value as Output } : askSchema(schema, type, value);
  }

  function build(result: StandardSchemaResult<Output>, attributes: EventAttributes): Event<Output> {
    const data = accepted(result, type);
    const init = {
      dataschema,
      ...attributes,
      type,
      data,
      id: attributes.id ?? id?.(data),
      source: attributes.source ?? derive(source, data),
      subject: attributes.subject === undefined ? derive(subject, data) : attributes.subject,
      partitionkey: attributes[PARTITION_KEY] === undefined ? derive(partitionKey, data) : attributes[PARTITION_KEY],
    };
    return createEvent<Output>(init, createOptions);
  }

  return {
    type,

    create(data, attributes = {}) {
      const answer = ask(data);
      if (answer instanceof Promise) throw asynchronous(answer, type);
      return build(answer, attributes);
    },

    async createAsync(data, attributes = {}) {
      return build(await ask(data), attributes);
    },

    is: (event): event is Event<Output> => event.type === type,

    validate(event) {
      if (event.type !== type) throw new InvalidEventError('type', `must be '${type}'`);
      const answer = ask(event.data);
      if (answer instanceof Promise) return answer.then((result) => withData(event, accepted(result, type)));
      return withData(event, accepted(answer, type));
    },
  };
}

type Answer<Output> = StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;

const PARTITION_KEY = 'partitionkey';

function askSchema<Output>(schema: StandardSchemaV1<unknown, Output>, type: string, value: unknown): Answer<Output> {
  const fail = (cause: unknown): never => {
    throw new SchemaFailedError(type, { cause });
  };
  try {
    const answer = schema['~standard'].validate(value);
    return 'then' in answer ? Promise.resolve(answer).catch(fail) : answer;
  } catch (error) {
    return fail(error);
  }
}

function accepted<Output>(result: StandardSchemaResult<Output>, type: string): Output {
  if (result.issues !== undefined) throw new SchemaRejectedError(type, result.issues);
  return result.value;
}

function asynchronous(answer: Promise<unknown>, type: string): TypeError {
  answer.catch(() => undefined); // the TypeError says what is wrong; how the abandoned answer ends adds nothing
  return new TypeError(`The schema of '${type}' answers asynchronously; use createAsync`);
}

function derive<Output>(
  of: string | ((data: Output) => string | undefined) | undefined,
  data: Output,
): string | undefined {
  return typeof of === 'function' ? of(data) : of;
}

function withData<Output>(event: Event, data: Output): Event<Output> {
  return data === event.data ? (event as Event<Output>) : Object.freeze({ ...event, data });
}
