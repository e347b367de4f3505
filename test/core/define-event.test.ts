import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createEvent } from '../../src/core/create-event.ts';
import { defineEvent } from '../../src/core/define-event.ts';
import { InvalidEventError, SchemaFailedError, SchemaRejectedError } from '../../src/core/errors.ts';
import type { StandardSchemaResult, StandardSchemaV1 } from '../../src/core/standard-schema.ts';

const type = 'com.example.placed';
const boom = new Error('boom');

interface Order {
  readonly id: string;
}

/** A schema of no library, which answers as it is told. */
function schemaOf<Output = Order>(
  validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>,
): StandardSchemaV1<Order, Output> {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const syncSchema = z.object({ id: z.string(), total: z.coerce.number().default(0) });
const asyncSchema = syncSchema.refine(async (order) => order.id !== 'bad');
const throwing = schemaOf(() => {
  throw boom;
});
const rejecting = schemaOf(() => Promise.reject(boom));

const sync = defineEvent({ type, schema: syncSchema });
const async = defineEvent({ type, schema: asyncSchema });

function received(data: unknown) {
  return createEvent({ type, data, source: '/shop', extra: 'kept' });
}

describe('defineEvent', () => {
  it('has the type', () => {
    expect(sync.type).toBe(type);
  });

  it('takes a schema that is a function', () => {
    const callable = Object.assign(
      () => undefined,
      schemaOf(() => ({ value: { id: 'from the schema' } })),
    );

    expect(defineEvent({ type, schema: callable }).create({ id: '1' }).data).toEqual({ id: 'from the schema' });
  });

  it('checks nothing without a schema', () => {
    const data = { id: '1' };
    const definition = defineEvent<Order>({ type });
    const event = definition.create(data);

    expect(event.data).toBe(data);
    expect(definition.validate(event)).toBe(event);
  });
});

describe('create', () => {
  it('sends what the schema yields', () => {
    expect(sync.create({ id: '1', total: '42' }).data).toEqual({ id: '1', total: 42 });
  });

  it('derives attributes from what the schema yields', () => {
    const definition = defineEvent({
      type,
      schema: syncSchema,
      source: (order) => `/shop/${order.total}`,
      subject: (order) => order.id,
      partitionKey: (order) => `p-${order.total}`,
      id: (order) => `id-${order.id}`,
      dataschema: 'https://example.com/order',
      scheduler: new VirtualTimeScheduler(),
    });

    expect(definition.create({ id: '1', total: '42' })).toStrictEqual({
      specversion: '1.0',
      id: 'id-1',
      source: '/shop/42',
      type,
      subject: '1',
      time: '1970-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      dataschema: 'https://example.com/order',
      partitionkey: 'p-42',
      data: { id: '1', total: 42 },
    });
  });

  it('takes attributes that are the same for every event', () => {
    const definition = defineEvent<Order>({ type, source: '/shop', subject: 's', partitionKey: 'p' });

    expect(definition.create({ id: '1' })).toMatchObject({ source: '/shop', subject: 's', partitionkey: 'p' });
  });

  it('leaves out what a function does not return', () => {
    const nothing = () => undefined;
    const event = defineEvent<Order>({ type, source: nothing, subject: nothing, partitionKey: nothing }).create({
      id: '1',
    });

    expect([event.source, 'subject' in event, 'partitionkey' in event]).toEqual(['AUTO_POPULATE', false, false]);
  });

  it('lets the attributes of the call win, null included', () => {
    const own = { source: '/own', subject: 'own', partitionKey: 'own', dataschema: 'own:schema', id: () => 'own' };
    const given = {
      source: '/given',
      id: 'given',
      subject: null,
      partitionkey: 'given',
      dataschema: 'given:schema',
      extra: 1,
    };
    const event = defineEvent<Order>({ type, ...own }).create({ id: '1' }, given);

    expect(event).toMatchObject({
      source: '/given',
      id: 'given',
      partitionkey: 'given',
      dataschema: 'given:schema',
      extra: 1,
    });
    expect('subject' in event).toBe(false);
  });

  it('does not let the attributes of the call change type or data', () => {
    const event = sync.create({ id: '1' }, { type: 'other', data: 'other' });

    expect([event.type, event.data]).toEqual([type, { id: '1', total: 0 }]);
  });

  it('reports the complaints of the schema', () => {
    const create = () => sync.create({ id: 1 as unknown as string });

    expect(create).toThrow(SchemaRejectedError);
    expect(create).toThrow(/^Data of 'com.example.placed' was rejected at 'id': /);
  });

  it('reports a schema that throws, with what it threw', () => {
    expect(() => defineEvent({ type, schema: throwing }).create({ id: '1' })).toThrow(
      new SchemaFailedError(type, { cause: boom }),
    );
  });

  it('reports a schema that answers with nothing', () => {
    const schema = schemaOf(() => undefined as never);

    expect(() => defineEvent({ type, schema }).create({ id: '1' })).toThrow(SchemaFailedError);
  });

  it.each([
    ['answers', asyncSchema],
    ['rejects', rejecting],
  ])('says to use createAsync when the schema %s asynchronously', (_, schema) => {
    expect(() => defineEvent({ type, schema }).create({ id: '1' })).toThrow(
      new TypeError("The schema of 'com.example.placed' answers asynchronously; use createAsync"),
    );
  });

  it('refuses an invalid event', () => {
    expect(() => sync.create({ id: '1' }, { source: '' })).toThrow(InvalidEventError);
  });
});

describe('createAsync', () => {
  it('sends what an asynchronous schema yields', async () => {
    expect((await async.createAsync({ id: '1', total: '42' })).data).toEqual({ id: '1', total: 42 });
  });

  it('takes a synchronous schema, and attributes', async () => {
    expect(await sync.createAsync({ id: '1' }, { subject: 's' })).toMatchObject({
      subject: 's',
      data: { id: '1', total: 0 },
    });
  });

  it('reports the complaints of the schema', async () => {
    await expect(async.createAsync({ id: 'bad' })).rejects.toBeInstanceOf(SchemaRejectedError);
  });

  it.each([
    ['throws', throwing],
    ['rejects', rejecting],
  ])('reports a schema that %s, with its error', async (_, schema) => {
    await expect(defineEvent({ type, schema }).createAsync({ id: '1' })).rejects.toEqual(
      new SchemaFailedError(type, { cause: boom }),
    );
  });
});

describe('is', () => {
  it('goes by the type alone', () => {
    expect([sync.is(received('anything')), sync.is(createEvent({ type: 'other', data: { id: '1' } }))]).toEqual([
      true,
      false,
    ]);
  });
});

describe('validate', () => {
  it('returns the event with what the schema yields, and at once', () => {
    const event = received({ id: '1', total: '42' });
    const validated = sync.validate(event);

    expect(validated).toStrictEqual({ ...event, data: { id: '1', total: 42 } });
    expect(Object.isFrozen(validated)).toBe(true);
  });

  it('returns the event itself when the schema yields the data that it was given', () => {
    const event = received({ id: '1' });
    const definition = defineEvent({ type, schema: schemaOf((value) => ({ value: value as Order })) });

    expect(definition.validate(event)).toBe(event);
  });

  it('returns a promise when the schema answers asynchronously', async () => {
    const event = received({ id: '1' });
    const validated = async.validate(event);

    expect(validated).toBeInstanceOf(Promise);
    expect(await validated).toStrictEqual({ ...event, data: { id: '1', total: 0 } });
  });

  it('takes any thenable for a promise', async () => {
    const answer = { value: { id: 'late' } };
    // biome-ignore lint/suspicious/noThenProperty: what is tested
    const thenable = { then: (resolve: (value: unknown) => void) => resolve(answer) } as Promise<typeof answer>;
    const definition = defineEvent({ type, schema: schemaOf(() => thenable) });

    expect((await definition.validate(received(1))).data).toEqual({ id: 'late' });
  });

  it('reports the complaints of the schema', async () => {
    expect(() => sync.validate(received({}))).toThrow(SchemaRejectedError);
    await expect(async.validate(received({ id: 'bad' }))).rejects.toBeInstanceOf(SchemaRejectedError);
  });

  it('reports a schema that fails', async () => {
    expect(() => defineEvent({ type, schema: throwing }).validate(received({}))).toThrow(SchemaFailedError);
    await expect(defineEvent({ type, schema: rejecting }).validate(received({}))).rejects.toBeInstanceOf(
      SchemaFailedError,
    );
  });

  it('refuses an event of another type', () => {
    expect(() => sync.validate(createEvent({ type: 'other' }))).toThrow(
      new InvalidEventError('type', "must be 'com.example.placed'"),
    );
  });
});
