import type { SchedulerLike } from 'rxjs';
import type { ConnectionFailedError } from './errors.ts';

/** Options for {@link connectNats}. */
export interface ConnectNatsOptions {
  /**
   * One URL or several of one cluster, `nats://` or `tls://`; the client learns of the cluster's others. A user and
   * password, or a token, may stand in a URL. @defaultValue `'nats://127.0.0.1:4222'`
   */
  readonly servers?: string | readonly string[];
  /** What the server calls this client in its log. @defaultValue none */
  readonly name?: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** The seed of an NKey, or the path of a file that holds it. Signs the server's challenge; it is never sent. */
  readonly nkeySeed?: string;
  /** A user's JWT, or the path of a file that holds it. It needs its `nkeySeed`, unless it is a bearer token. */
  readonly jwt?: string;
  /** What a creds file holds, or its path. A file is read again for each connection, so that it may be renewed. */
  readonly creds?: string;
  /**
   * How the connection is encrypted. With `true`, options or a `tls://` URL, a server without TLS is refused; without,
   * TLS is used where the server has it. Certificates are verified in every case. @defaultValue as the server wants it
   */
  readonly tls?: boolean | NatsTlsOptions;
  /** What to do when the connection is lost; `false` closes it. @defaultValue try for ever */
  readonly reconnect?: false | NatsReconnectOptions;
  /**
   * Whether to try for the first connection until there is one, with `reconnect.wait` between two tries. Refused
   * credentials fail at once all the same. @defaultValue `false`
   */
  readonly waitForFirst?: boolean;
  /** Told of each try for the first connection that failed and is followed by another one. @defaultValue nobody */
  readonly onFailedTry?: (error: ConnectionFailedError) => void;
  /** How long a server may take for its part of a connection, in ms. @defaultValue `5_000` */
  readonly timeout?: number;
  /** How often a silent server is asked whether it is there, in ms. @defaultValue `30_000` */
  readonly pingInterval?: number;
  /** After how many unanswered questions the connection counts as lost. @defaultValue `2` */
  readonly maxPingOut?: number;
  /** What reply addresses begin with, where permissions name it. @defaultValue `'_INBOX'` */
  readonly inboxPrefix?: string;
  /** Whether this connection hears what it publishes. @defaultValue `true` */
  readonly echo?: boolean;
  /** Ends the wait for the first connection: `connectNats` rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Clock for the waits between tries for the first connection. @defaultValue `asyncScheduler` */
  readonly scheduler?: SchedulerLike;
}

/** How a connection is encrypted. PEM texts or the paths of files; files are read again for each connection. */
export interface NatsTlsOptions {
  /** Who may have signed the server's certificate. @defaultValue the authorities that Node.js trusts */
  readonly ca?: string;
  /** The certificate by which the server knows this client. It needs its `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** The name in the server's certificate, where it is not the host of its URL. */
  readonly serverName?: string;
  /** Whether TLS begins before the server has said anything; it must be set up for that. @defaultValue `false` */
  readonly handshakeFirst?: boolean;
  /** Whether the server's certificate is verified. Without that, anybody may be the server. @defaultValue `true` */
  readonly rejectUnauthorized?: boolean;
}

/** What a client does when its connection is lost. */
export interface NatsReconnectOptions {
  /** How often each server is tried before the connection is closed. @defaultValue `Infinity` */
  readonly attempts?: number;
  /** The time between two tries for one server, in ms. @defaultValue `2_000` */
  readonly wait?: number;
  /** At most so much is added to `wait`, at random, so that clients do not come back all at once, in ms. @defaultValue `500` */
  readonly jitter?: number;
  /**
   * Whether to go on when a server refuses the credentials: they may be renewed, here or there. Each refusal is an
   * `error` of the connection's status. With `false`, the second one closes the connection. @defaultValue `true`
   */
  readonly whenRefused?: boolean;
}
