import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { TlsOptions } from 'nats';
import type { NatsTlsOptions } from './connection-options.ts';
import { needs } from './exclusive.ts';
import { textOrFile } from './text-or-file.ts';

/**
 * Makes the client's TLS options: an object demands TLS, undefined leaves it to the server, and null does without.
 *
 * @throws TypeError for a certificate without its key, and for a file that cannot be read.
 */
export function tlsOptionsOf(
  tls: boolean | NatsTlsOptions | undefined,
  demanded: boolean,
): TlsOptions | null | undefined {
  if (tls === false) {
    if (demanded) throw new TypeError("'tls' is false, and a server's URL begins with tls://");
    return null;
  }
  if (tls === undefined && !demanded) return undefined;
  if (tls === undefined || tls === true) return withNode({ checkServerIdentity: checkServer });
  const pair = { 'tls.cert': tls.cert, 'tls.key': tls.key };
  needs(pair, 'tls.cert', 'tls.key');
  needs(pair, 'tls.key', 'tls.cert');

  const { serverName, handshakeFirst = false, rejectUnauthorized = true } = tls;
  const node = { rejectUnauthorized, checkServerIdentity: checkServer };
  const options = withNode(serverName === undefined ? node : { ...node, servername: serverName });
  options.handshakeFirst = handshakeFirst;
  for (const field of ['ca', 'cert', 'key'] as const) {
    const value = tls[field];
    if (value === undefined) continue;
    const read = textOrFile(`tls.${field}`, value, isPem);
    if (!isPem(read())) throw new TypeError(`'tls.${field}' is no PEM, and the file that it names holds none`);
    // The client reads it for each connection; whoever looks at its options does not see the key.
    Object.defineProperty(options, field, { get: read, enumerable: false });
  }
  return options;
}

/** Options of Node.js: the client hands on what it does not know. */
interface NodeTlsOptions {
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
  readonly checkServerIdentity: typeof checkServer;
}

function withNode(options: NodeTlsOptions): TlsOptions & NodeTlsOptions {
  return { ...options };
}

/**
 * Checks that a server's certificate is for the server that was dialled.
 *
 * A server that is named by its address has no host name here, and Node.js would take one for `localhost`: it would
 * refuse the certificate that names the address, and let one for `localhost` pass.
 */
function checkServer(
  this: { readonly servername?: string; readonly host?: string; readonly socket?: Socket } | undefined,
  host: string,
  certificate: PeerCertificate,
): Error | undefined {
  const isNamed = Boolean(this?.servername || this?.host);
  const address = isNamed ? undefined : this?.socket?.remoteAddress;
  return checkServerIdentity(address ?? host, certificate);
}

function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}
