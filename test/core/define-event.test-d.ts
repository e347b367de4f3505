import type { StandardSchemaV1 as PublishedSchema } from '@standard-schema/spec';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, type EventData, type EventDefinition, type EventInput } from '../../src/core/define-event.ts';
import type { Event } from '../../src/core/event.ts';
import type { InferInput, InferOutput, StandardSchemaV1 } from '../../src/core/standard-schema.ts';

const type = 'com.example.placed';
const schema = z.object({ id: z.string(), total: z.string().transform(Number) });

interface Input {
  id: string;
  total: string;
}

interface Output {
  id: string;
  total: number;
}

const orderPlaced = defineEvent({ type, schema, subject: (order) => order.total.toFixed() });

describe('defineEvent', () => {
  it('infers input and output from the schema', () => {
    expectTypeOf(orderPlaced).toEqualTypeOf<EventDefinition<Input, Output>>();
  });

  it('gives the output to the functions of the data', () => {
    defineEvent({
      type,
      schema,
      source: (order) => expectTypeOf(order).toEqualTypeOf<Output>() && '/',
      partitionKey: (order) => expectTypeOf(order).toEqualTypeOf<Output>() && '/',
      id: (order) => expectTypeOf(order).toEqualTypeOf<Output>() && '/',
    });
  });

  it('takes the type that the caller names when there is no schema', () => {
    expectTypeOf(defineEvent<Output>({ type })).toEqualTypeOf<EventDefinition<Output, Output>>();
    expectTypeOf(defineEvent({ type })).toEqualTypeOf<EventDefinition<unknown, unknown>>();
  });

  it('takes a schema that is a function', () => {
    const callable = Object.assign(() => undefined, schema) as (() => undefined) & PublishedSchema<Input, Output>;

    expectTypeOf(defineEvent({ type, schema: callable })).toEqualTypeOf<EventDefinition<Input, Output>>();
  });

  it('refuses what is no schema', () => {
    // @ts-expect-error -- not a Standard Schema
    defineEvent({ type, schema: { parse: () => 1 } });
  });
});

describe('EventDefinition', () => {
  it('creates events of the output from the input', () => {
    expectTypeOf(orderPlaced.create).parameter(0).toEqualTypeOf<Input>();
    expectTypeOf(orderPlaced.create).returns.toEqualTypeOf<Event<Output>>();
    expectTypeOf(orderPlaced.createAsync).returns.toEqualTypeOf<Promise<Event<Output>>>();
  });

  it('narrows an event', () => {
    const event = {} as Event;
    if (orderPlaced.is(event)) expectTypeOf(event.data).toEqualTypeOf<Output | undefined>();
  });

  it('validates to events of the output', () => {
    expectTypeOf(orderPlaced.validate).returns.toEqualTypeOf<Event<Output> | Promise<Event<Output>>>();
  });

  it('goes into a list with others', () => {
    expectTypeOf(orderPlaced).toExtend<EventDefinition<never, unknown>>();
  });
});

describe('EventData and EventInput', () => {
  it('take the types out of a definition', () => {
    expectTypeOf<EventData<typeof orderPlaced>>().toEqualTypeOf<Output>();
    expectTypeOf<EventInput<typeof orderPlaced>>().toEqualTypeOf<Input>();
  });
});

describe('StandardSchemaV1', () => {
  it('is what the specification publishes', () => {
    expectTypeOf<PublishedSchema<Input, Output>>().toExtend<StandardSchemaV1<Input, Output>>();
    expectTypeOf<StandardSchemaV1<Input, Output>>().toExtend<PublishedSchema<Input, Output>>();
  });

  it('infers as the specification does', () => {
    expectTypeOf<InferInput<typeof schema>>().toEqualTypeOf<PublishedSchema.InferInput<typeof schema>>();
    expectTypeOf<InferOutput<typeof schema>>().toEqualTypeOf<PublishedSchema.InferOutput<typeof schema>>();
  });
});
