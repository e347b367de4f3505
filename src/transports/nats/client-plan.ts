import type { ConnectionOptions } from 'nats';
import { atLeast0, wholeNumber } from '../../core/check-options.ts';
import { authenticatorOf } from './authentication.ts';
import type { ConnectNatsOptions, NatsReconnectOptions } from './connection-options.ts';
import { serverUrls } from './server-urls.ts';
import { tlsOptionsOf } from './tls-options.ts';

const DEFAULT_TIMEOUT = 5_000;
export const DEFAULT_RECONNECT_WAIT = 2_000;
const DEFAULT_JITTER = 500;

/** Where a client connects, and how. */
export interface ClientPlan {
  readonly urls: readonly string[];
  readonly timeout: number;
  /** The client's own options. No credential can be read from them. */
  readonly settings: ConnectionOptions;
}

/** Checks the options, and makes the client's own of them. */
export function clientPlan(options: ConnectNatsOptions): ClientPlan {
  const {
    servers,
    name,
    timeout = DEFAULT_TIMEOUT,
    pingInterval = 30_000,
    maxPingOut = 2,
    inboxPrefix,
    echo = true,
  } = options;
  wholeNumber('timeout', timeout);
  wholeNumber('pingInterval', pingInterval);
  wholeNumber('maxPingOut', maxPingOut);
  const named = serverUrls(servers);
  const authenticator = authenticatorOf(options, named);
  const tls = tlsOptionsOf(options.tls, named.tls);

  const settings: ConnectionOptions = {
    servers: [...named.urls],
    timeout,
    pingInterval,
    maxPingOut,
    noEcho: !echo,
    ...reconnectSettings(options.reconnect),
  };
  if (name !== undefined) settings.name = name;
  if (inboxPrefix !== undefined) settings.inboxPrefix = inboxPrefix;
  if (authenticator !== undefined) settings.authenticator = authenticator;
  if (tls !== undefined) settings.tls = tls;
  return { urls: named.urls, timeout, settings };
}

function reconnectSettings(reconnect: false | NatsReconnectOptions = {}): ConnectionOptions {
  if (reconnect === false) return { reconnect: false };
  const { attempts = Infinity, wait = DEFAULT_RECONNECT_WAIT, jitter = DEFAULT_JITTER, whenRefused = true } = reconnect;
  wholeNumber('reconnect.attempts', attempts);
  atLeast0('reconnect.wait', wait);
  atLeast0('reconnect.jitter', jitter);
  return {
    maxReconnectAttempts: attempts === Infinity ? -1 : attempts,
    reconnectTimeWait: wait,
    reconnectJitter: jitter,
    reconnectJitterTLS: jitter,
    ignoreAuthErrorAbort: whenRefused,
  };
}
