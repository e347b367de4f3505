import type { ConnectNatsOptions, NatsReconnectOptions } from './connection-options.ts';
import { exclusive, needs } from './exclusive.ts';

/** Variables of the environment, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says beside the connection: for the options of transports and consumers. */
export interface NatsSettings {
  /** `NATS_QUEUE_GROUP`: the queue group of core subscriptions. */
  readonly queue?: string;
  /** `NATS_WILDCARD_SUBJECT`: the addresses that a core subscription listens at. */
  readonly address?: string;
  /** `NATS_REQUEST_TIMEOUT`, which is in seconds: how long to wait for a reply, in ms; 10 minutes at most. */
  readonly requestTimeout?: number;
  /** `NATS_JS_WILDCARD_SUBJECT`: the filter of a consumer. */
  readonly filter?: string;
  /** `NATS_JS_ACK_WAIT`, which is in seconds: the lease of a consumer's deliveries, in ms. */
  readonly ackWait?: number;
  /** `NATS_DURABLE_NAME`: the name of a durable consumer. */
  readonly consumer?: string;
  /** `NATS_EVENTS_TIMEOUT`, which is in seconds: how long to wait for the receipt of a publish, in ms. */
  readonly publishTimeout?: number;
}

const MAX_REQUEST_TIMEOUT = 600_000;

/**
 * Reads the options of {@link connectNats} from the environment. What is unset or empty is left to the defaults.
 *
 * `NATS_URL` (several are separated by commas), `NATS_CLIENT_ID`, `NATS_USER` and `NATS_PASSWORD`, `NATS_TOKEN`,
 * `NATS_NKEY`, `NATS_JWT`, `NATS_CREDS`, `NATS_CA`, `NATS_CERT` and `NATS_KEY` (each a text or the path of a file),
 * `NATS_RECONNECT_WAIT` in seconds, and `NATS_MAX_RECONNECTS`, where `-1` means for ever, as everywhere in NATS, and `0` never.
 *
 * @throws TypeError or RangeError for a bad value, naming the variable; never with a credential.
 *
 * @example
 * ```ts
 * const connection = await connectNats({ ...natsOptionsFromEnvironment(), waitForFirst: true });
 * ```
 */
export function natsOptionsFromEnvironment(env: Environment = process.env): ConnectNatsOptions {
  const { NATS_TOKEN, NATS_USER, NATS_PASSWORD, NATS_NKEY, NATS_JWT, NATS_CREDS } = present(env);
  exclusive({ NATS_TOKEN, NATS_USER, NATS_NKEY, NATS_CREDS });
  exclusive({ NATS_TOKEN, NATS_USER, NATS_JWT, NATS_CREDS });
  needs({ NATS_USER, NATS_PASSWORD }, 'NATS_USER', 'NATS_PASSWORD');
  needs({ NATS_USER, NATS_PASSWORD }, 'NATS_PASSWORD', 'NATS_USER');
  const { NATS_CA, NATS_CERT, NATS_KEY } = present(env);
  needs({ NATS_CERT, NATS_KEY }, 'NATS_CERT', 'NATS_KEY');
  needs({ NATS_CERT, NATS_KEY }, 'NATS_KEY', 'NATS_CERT');

  return defined({
    servers: text(env, 'NATS_URL'),
    name: text(env, 'NATS_CLIENT_ID'),
    user: NATS_USER,
    password: NATS_PASSWORD,
    token: NATS_TOKEN,
    nkeySeed: NATS_NKEY,
    jwt: NATS_JWT,
    creds: NATS_CREDS,
    tls: someOf({ ca: NATS_CA, cert: NATS_CERT, key: NATS_KEY }),
    reconnect: reconnectOptions(env),
  });
}

/**
 * Reads what the environment says of subscriptions, consumers, requests and publishes. What is unset or empty is left out.
 *
 * @throws RangeError for a bad value, naming the variable.
 */
export function natsSettingsFromEnvironment(env: Environment = process.env): NatsSettings {
  const requestTimeout = seconds(env, 'NATS_REQUEST_TIMEOUT');
  if (requestTimeout !== undefined && requestTimeout > MAX_REQUEST_TIMEOUT) {
    throw new RangeError(`NATS_REQUEST_TIMEOUT must be ${MAX_REQUEST_TIMEOUT / 1_000} seconds at most`);
  }
  return defined({
    queue: text(env, 'NATS_QUEUE_GROUP'),
    address: text(env, 'NATS_WILDCARD_SUBJECT'),
    requestTimeout,
    filter: text(env, 'NATS_JS_WILDCARD_SUBJECT'),
    ackWait: seconds(env, 'NATS_JS_ACK_WAIT'),
    consumer: text(env, 'NATS_DURABLE_NAME'),
    publishTimeout: seconds(env, 'NATS_EVENTS_TIMEOUT'),
  });
}

function present(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
}

function text(env: Environment, variable: string): string | undefined {
  const value = env[variable]?.trim();
  return value === '' ? undefined : value;
}

function reconnectOptions(env: Environment): false | NatsReconnectOptions | undefined {
  const attempts = reconnects(env);
  const wait = seconds(env, 'NATS_RECONNECT_WAIT');
  return attempts === 0 ? false : someOf<NatsReconnectOptions>({ attempts, wait });
}

function reconnects(env: Environment): number | undefined {
  const value = text(env, 'NATS_MAX_RECONNECTS');
  if (value === undefined) return undefined;
  if (value === '-1') return Number.POSITIVE_INFINITY;
  if (/^\d+$/.test(value)) return Number(value);
  throw new RangeError(`NATS_MAX_RECONNECTS must be a whole number, or -1 for ever, not '${value}'`);
}

/** Reads a number of seconds, and makes milliseconds of it. */
function seconds(env: Environment, variable: string): number | undefined {
  const value = text(env, variable);
  if (value === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(value) && Number(value) > 0) return Number(value) * 1_000;
  throw new RangeError(
    `${variable} must be a number of seconds above 0, not '${value}'; without it the default counts`,
  );
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(values: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>;
}

function someOf<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T | undefined {
  const some = defined(values);
  return Object.keys(some).length === 0 ? undefined : (some as T);
}
