import { randomUUID } from 'node:crypto';
import { nkeys } from 'nats';

/** A user of an account, with what it shows a server. */
export interface JwtUser {
  readonly publicKey: string;
  readonly jwt: string;
  readonly seed: string;
  /** What a creds file of it holds. */
  readonly creds: string;
}

/** An operator with one account, as a server's configuration and as what makes its users. */
export interface JwtOperator {
  /** Of a server; with the keys of users whose JWTs no longer count. */
  config(revoked?: readonly string[]): string;
  user(options?: JwtUserOptions): JwtUser;
}

/** Options for a user of a {@link JwtOperator}. */
export interface JwtUserOptions {
  /** When the JWT ends, in seconds since the epoch. @defaultValue never */
  readonly expires?: number;
  /** Whether the JWT alone lets its bearer in, without a signature. @defaultValue `false` */
  readonly bearer?: boolean;
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** Makes an operator and its account. */
export function makeOperator(): JwtOperator {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const accountKey = account.getPublicKey();
  const operatorJwt = sign(operator, operator.getPublicKey(), { type: 'operator', version: 2 });

  return {
    config(revoked = []) {
      const revocations = Object.fromEntries(revoked.map((key) => [key, secondsNow() + 60]));
      const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
      const jwt = sign(operator, accountKey, { limits, revocations, type: 'account', version: 2 });
      return `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${accountKey}: ${jwt} }`;
    },
    user({ expires, bearer = false } = {}) {
      const user = nkeys.createUser();
      const publicKey = user.getPublicKey();
      const nats = {
        pub: {},
        sub: {},
        subs: -1,
        data: -1,
        payload: -1,
        bearer_token: bearer,
        type: 'user',
        version: 2,
      };
      const jwt = sign(account, publicKey, nats, expires);
      const seed = new TextDecoder().decode(user.getSeed());
      const creds = [
        '-----BEGIN NATS USER JWT-----',
        jwt,
        '------END NATS USER JWT------',
        '',
        '-----BEGIN USER NKEY SEED-----',
        seed,
        '------END USER NKEY SEED------',
        '',
      ].join('\n');
      return { publicKey, jwt, seed, creds };
    },
  };
}

function sign(issuer: KeyPair, subject: string, nats: object, expires?: number): string {
  const claims = {
    jti: randomUUID(),
    iat: secondsNow(),
    iss: issuer.getPublicKey(),
    name: 'test',
    sub: subject,
    nats,
    ...(expires === undefined ? {} : { exp: expires }),
  };
  const text = `${base64url({ typ: 'JWT', alg: 'ed25519-nkey' })}.${base64url(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(new TextEncoder().encode(text))).toString('base64url')}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1_000);
}
