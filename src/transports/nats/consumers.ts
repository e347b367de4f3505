import { randomUUID } from 'node:crypto';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';
import { ConsumerConflictError } from '../../core/errors.ts';
import { validateName } from '../../core/names.ts';
import { checkConsumer, checkFields } from './check-config.ts';
import type { NatsConnectionLike } from './client.ts';
import type { ConsumerConfig, ConsumerSettings } from './consumer-config.ts';
import { consumerFields } from './consumer-fields.ts';
import { type ConsumerAnswer, type ConsumerInfo, consumerInfoIn } from './consumer-info.ts';
import { ensure, type Resource } from './ensure.ts';
import { textIn } from './field-kinds.ts';
import { inTurn } from './in-turn.ts';
import { type JetStreamApi, type JetStreamApiOptions, jetstreamApi } from './jetstream-api.ts';
import { codes, consumerErrors, isRefusal } from './provisioning-errors.ts';
import { wireOf } from './wire.ts';
import { differing, type NamedField, namedFields, readAll, type WireConfig, write } from './wire-field.ts';

/** How long an ephemeral consumer lives without a pull, in ms. */
const EPHEMERAL_LIFE = 3_600_000;

type Fields = Omit<ConsumerConfig, 'stream'>;

/**
 * Makes a consumer when subscribed, or changes what `config` names of one that is there; what it does not name stays.
 *
 * With a name it is durable, and stays until it is deleted unless `inactiveThreshold` says otherwise. Without one, each
 * subscription makes an ephemeral one, whose name is in what is emitted.
 *
 * Idempotent, and safe in parallel. What the server keeps is compared with what was asked, and a field that it is too old
 * for is an `UnsupportedByServerError`, with nothing changed. Fails with `StreamNotFoundError`, with
 * `ConsumerConflictError` where the stream cannot have it or where what cannot be changed would change, and as
 * {@link ensureStream} does on a bad config.
 *
 * @example
 * ```ts
 * await firstValueFrom(ensureConsumer(connection, { stream: 'SHOP', name: 'billing', filter: 'shop.order.>' }));
 * ```
 */
export function ensureConsumer(
  connection: NatsConnectionLike,
  config: ConsumerConfig,
  options?: JetStreamApiOptions,
): Observable<ConsumerInfo> {
  return defer(() => {
    const api = jetstreamApi(wireOf(connection), options);
    const { stream, ...fields } = config;
    validateName('stream', stream);
    checkFields(namedFields<Fields>(consumerFields, fields));
    if (fields.name === undefined && fields.inactiveThreshold === Number.POSITIVE_INFINITY)
      throw new TypeError(
        "'inactiveThreshold' cannot be Infinity without 'name': an ephemeral consumer comes to an end",
      );
    const name = fields.name ?? randomUUID().replaceAll('-', '');
    return inTurn(
      api.wire,
      `${api.prefix} ${stream} ${name}`,
      ensure(api, consumerResource(api, stream, name, fields)),
    ).pipe(map(consumerInfoIn), consumerErrors(stream, name, api.wire.client.info?.version));
  });
}

/** Looks a consumer up when subscribed. Fails with `StreamNotFoundError` or `ConsumerNotFoundError`. */
export function consumerInfo(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  options?: JetStreamApiOptions,
): Observable<ConsumerInfo> {
  return defer(() => {
    const api = apiFor(connection, stream, name, options);
    return api
      .ask<ConsumerAnswer>(`CONSUMER.INFO.${stream}.${name}`)
      .pipe(map(consumerInfoIn), consumerErrors(stream, name, undefined));
  });
}

/**
 * Deletes a consumer when subscribed; emits whether there was one. Its running subscriptions get an error. Fails with
 * `StreamNotFoundError`.
 */
export function deleteConsumer(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  options?: JetStreamApiOptions,
): Observable<boolean> {
  return defer(() => {
    const api = apiFor(connection, stream, name, options);
    return removeConsumer(api, stream, name).pipe(consumerErrors(stream, name, undefined));
  });
}

/** The API, for what is asked about a consumer; refuses what can be no consumer's name. */
export function apiFor(
  connection: NatsConnectionLike,
  stream: string,
  name: string,
  options: JetStreamApiOptions | undefined,
): JetStreamApi {
  validateName('stream', stream);
  validateName('consumer', name);
  return jetstreamApi(wireOf(connection), options);
}

function removeConsumer(api: JetStreamApi, stream: string, name: string): Observable<boolean> {
  return api.ask(`CONSUMER.DELETE.${stream}.${name}`).pipe(
    map(() => true),
    catchError((error: unknown) => {
      if (isRefusal(error, codes.consumerNotFound, codes.consumerDoesNotExist)) return of(false);
      return throwError(() => error);
    }),
  );
}

function consumerResource(api: JetStreamApi, stream: string, name: string, fields: Fields): Resource<ConsumerAnswer> {
  const durable = fields.name !== undefined;

  function put(wire: WireConfig, action: 'create' | 'update'): Observable<ConsumerAnswer> {
    // Permissions may be given by filter: it stands in the address, as the clients have it.
    const filter = textIn(wire['filter_subject']);
    const address = `CONSUMER.CREATE.${stream}.${name}${filter === undefined || filter === '>' ? '' : `.${filter}`}`;
    return api.ask<ConsumerAnswer>(address, { stream_name: stream, config: wire, action });
  }

  return {
    look: () =>
      api.ask<ConsumerAnswer>(`CONSUMER.INFO.${stream}.${name}`).pipe(
        catchError((error: unknown) => {
          if (isRefusal(error, codes.consumerNotFound)) return of(undefined);
          return throwError(() => error);
        }),
      ),
    asked: (current) => defer(() => of(asked(stream, name, fields, current))),
    create: (wire) => put({ ...wire, ack_policy: 'explicit', ...(durable ? { durable_name: name } : {}) }, 'create'),
    update: (wire) => put(wire, 'update'),
    remove: () => removeConsumer(api, stream, name),
    isFresh: ({ delivered }) => delivered.consumer_seq === 0,
    isOvertaken: (error) => isRefusal(error, codes.consumerExists, codes.consumerDoesNotExist),
    refused: (field) =>
      new ConsumerConflictError(stream, name, `does not keep '${field}' as asked, beside its other settings`),
  };
}

function asked(stream: string, name: string, fields: Fields, current: WireConfig | undefined): readonly NamedField[] {
  const life: Fields = fields.name === undefined ? { inactiveThreshold: EPHEMERAL_LIFE } : {};
  const full: Fields =
    current === undefined ? { from: 'all', replayPolicy: 'instant', ...life, ...named(fields), name } : fields;
  const all = namedFields<Fields>(consumerFields, full);
  const wire = { ...current, ...write(all, current ?? {}) };
  if (current !== undefined) checkFixed(stream, name, all, wire, current);
  const settings = readAll<Fields>(consumerFields, wire) as ConsumerSettings;
  checkConsumer(settings);
  // The first entry of a backoff takes the place of the lease.
  return settings.backoff.length === 0 ? all : all.filter(({ name: field }) => field !== 'ackWait');
}

function checkFixed(
  stream: string,
  name: string,
  all: readonly NamedField[],
  wire: WireConfig,
  current: WireConfig,
): void {
  const conflict = (rule: string) => new ConsumerConflictError(stream, name, rule);
  if (textIn(current['deliver_subject']) !== undefined) throw conflict('is a push consumer, which is not for here');
  if (textIn(current['durable_name']) === undefined) throw conflict('is ephemeral; delete it to make a durable one');
  const [moved] = differing(
    all.filter(({ name: field }) => field === 'from'),
    wire,
    current,
  );
  if (moved === undefined) return;
  throw conflict(`starts from ${JSON.stringify(moved.field.read(current))} for good; delete it to start elsewhere`);
}

/** Drops what is undefined, so that it counts as not named. */
function named(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
