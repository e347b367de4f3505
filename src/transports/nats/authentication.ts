import {
  type Authenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
  nkeys,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import type { ConnectNatsOptions } from './connection-options.ts';
import { exclusive, needs } from './exclusive.ts';
import type { ServerUrls } from './server-urls.ts';
import { textOrFile } from './text-or-file.ts';

const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * Makes what shows a server who this client is, or undefined where nothing is to be shown.
 *
 * A function holds the credentials, and no object does: whoever looks at a connection's options does not see them.
 *
 * @throws TypeError for credentials that exclude each other, are incomplete, or are not what they should be.
 */
export function authenticatorOf(options: ConnectNatsOptions, inUrls: ServerUrls): Authenticator | undefined {
  const { user, password, token, nkeySeed, jwt, creds } = options;
  for (const [field, value] of Object.entries({ user, token, nkeySeed, jwt, creds })) {
    if (value === '') throw new TypeError(`'${field}' must not be empty`);
  }
  const urlUser = inUrls.user ?? inUrls.token;
  exclusive({ token, user, nkeySeed, creds, 'the user in servers': urlUser });
  exclusive({ token, user, jwt, creds, 'the user in servers': urlUser });
  needs({ user, password }, 'user', 'password');
  needs({ user, password }, 'password', 'user');

  if (creds !== undefined) return credentials(textOrFile('creds', creds, isCreds));
  if (jwt !== undefined) return signedJwt(textOrFile('jwt', jwt, isJwt), nkeySeed);
  if (nkeySeed !== undefined) return nkeyAuthenticator(seedOf(nkeySeed));
  const name = user ?? inUrls.user;
  if (name !== undefined) return usernamePasswordAuthenticator(name, password ?? inUrls.password);
  const secret = token ?? inUrls.token;
  return secret === undefined ? undefined : tokenAuthenticator(secret);
}

function signedJwt(jwt: () => string, nkeySeed: string | undefined): Authenticator {
  if (!isJwt(jwt())) throw new TypeError("'jwt' is no JWT, and the file that it names holds none");
  if (nkeySeed === undefined) return () => ({ jwt: jwt() });
  const seed = seedOf(nkeySeed);
  return (nonce) => jwtAuthenticator(jwt(), seed())(nonce);
}

/** Both parts of a creds file come from one reading of it: they belong together. */
function credentials(read: () => string): Authenticator {
  let last = partsOf(read());
  if (last === undefined) throw new TypeError("'creds' must hold a user's JWT and the seed of its NKey");
  return (nonce) => {
    last = partsOf(read()) ?? last; // somebody may be writing it at this moment
    return last === undefined ? undefined : jwtAuthenticator(last.jwt, last.seed)(nonce);
  };
}

function partsOf(creds: string): { readonly jwt: string; readonly seed: Uint8Array } | undefined {
  const jwt = /-{3,}\s*BEGIN NATS USER JWT\s*-{3,}\s*([\w.-]+?)\s*-{3,}\s*END/.exec(creds)?.[1];
  const seed = /-{3,}\s*BEGIN USER NKEY SEED\s*-{3,}\s*(\w+?)\s*-{3,}\s*END/.exec(creds)?.[1];
  if (jwt === undefined || seed === undefined || !isSeed(seed)) return undefined;
  return { jwt, seed: encoder.encode(seed) };
}

function seedOf(nkeySeed: string): () => Uint8Array {
  const read = textOrFile('nkeySeed', nkeySeed, isSeed);
  let last = read();
  if (!isSeed(last)) throw new TypeError("'nkeySeed' is no seed of an NKey, and the file that it names holds none");
  return () => {
    const text = read();
    if (isSeed(text)) last = text;
    return encoder.encode(last);
  };
}

function isCreds(text: string): boolean {
  return text.includes('---');
}

function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

function isSeed(text: string): boolean {
  if (!/^S[A-Z2-7]{57}$/.test(text)) return false;
  try {
    nkeys.fromSeed(encoder.encode(text)).clear();
    return true;
  } catch {
    return false; // its checksum is wrong
  }
}
