/** The servers of a connection, and the user that their URLs name. */
export interface ServerUrls {
  /** Scheme, host and port. */
  readonly urls: readonly string[];
  /** Whether one of them demands TLS. */
  readonly tls: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

const DEFAULT_URL = 'nats://127.0.0.1:4222';

/**
 * Reads the URLs of servers. What they say of a user is taken out of them, as a URL is shown in logs and errors.
 *
 * @throws TypeError for a malformed one, by its place, as it may hold a password.
 */
export function serverUrls(servers: string | readonly string[] = DEFAULT_URL): ServerUrls {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  const read = list.map((server, place) => readUrl(server, place + 1));
  if (read.length === 0) throw new TypeError("'servers' must name one server at least");

  const users = new Map<string, URL>();
  for (const url of read) if (url.username !== '') users.set(`${url.username}:${url.password}`, url);
  if (users.size > 1) throw new TypeError("'servers' name different users; a connection has one");
  const [named] = users.values();

  return { urls: read.map(shown), tls: read.some(({ protocol }) => protocol === 'tls:'), ...userOf(named) };
}

function readUrl(server: string, place: number): URL {
  const text = typeof server === 'string' ? server.trim() : '';
  const malformed = () => new TypeError(`'servers' must be URLs like nats://host:4222, and number ${place} is none`);
  const [, scheme = 'nats', rest = ''] = /^(?:([a-z]+):\/\/)?(.+)$/is.exec(text) ?? [];
  if (scheme !== 'nats' && scheme !== 'tls') throw malformed();
  // Its error would hold the text.
  const full = `${scheme}://${rest}`;
  if (!URL.canParse(full)) throw malformed();
  const url = new URL(full);
  if (url.hostname === '' || !['', '/'].includes(url.pathname)) throw malformed();
  return url;
}

function shown({ protocol, host, port }: URL): string {
  return `${protocol}//${host}${port === '' ? ':4222' : ''}`;
}

function userOf(url: URL | undefined): Pick<ServerUrls, 'user' | 'password' | 'token'> {
  if (url === undefined) return {};
  const [user, password] = [url.username, url.password].map(decodeURIComponent) as [string, string];
  return password === '' ? { token: user } : { user, password };
}
