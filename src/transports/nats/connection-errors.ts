import { AuthenticationFailedError, ConnectionFailedError, PermissionDeniedError } from './errors.ts';

/** What `nats` 2 says beside the code of an error about a permission. */
export interface PermissionContext {
  readonly operation?: string;
  readonly subject?: string;
}

/** Makes a typed error of what a client failed to connect with. */
export function connectionError(
  error: unknown,
  servers: readonly string[],
): AuthenticationFailedError | ConnectionFailedError {
  return authenticationError(error) ?? new ConnectionFailedError(servers, reasonOf(error), { cause: error });
}

/** Makes a typed error of what a client was told by a server; what has no type of its own is passed on as it is. */
export function serverError(error: unknown, context?: PermissionContext): unknown {
  return permissionError(error, context) ?? authenticationError(error) ?? error;
}

/** What TLS says when a server does not take a client's certificate, or wants one. */
const CERTIFICATE_REFUSED =
  /alert (certificate required|bad certificate|unknown ca|certificate (expired|revoked|unknown))/i;

function authenticationError(error: unknown): AuthenticationFailedError | undefined {
  const text = textOf(error);
  const options = { cause: error };
  if (/authentication expired|account expired/i.test(text)) return new AuthenticationFailedError('expired', options);
  if (/authentication revoked|credentials revoked/i.test(text))
    return new AuthenticationFailedError('revoked', options);
  if (/authentication timeout/i.test(text)) return new AuthenticationFailedError('timeout', options);
  if (/authorization violation|bad authentication/i.test(text))
    return new AuthenticationFailedError('refused', options);
  return CERTIFICATE_REFUSED.test(text) ? new AuthenticationFailedError('certificate', options) : undefined;
}

function permissionError(error: unknown, context: PermissionContext | undefined): PermissionDeniedError | undefined {
  if (!/permissions violation/i.test(textOf(error))) return undefined;
  const { operation, subject } = context ?? (error as PermissionContext);
  if (typeof subject !== 'string') return undefined;
  return new PermissionDeniedError(operation === 'publish' ? 'publish' : 'subscribe', subject, { cause: error });
}

/** Whether a client got no answer in time. */
export function isTimeout(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === 'TIMEOUT' || code === 'CONNECTION_TIMEOUT';
}

/** The words of an error; `nats` 2 has codes such as `AUTHORIZATION_VIOLATION` for them. */
function textOf(error: unknown): string {
  const { code = '', message = '' } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return `${code} ${message}`.replaceAll('_', ' ');
}

function reasonOf(error: unknown): string {
  const { code, message, chainedError, cause } = error as Error & { code?: unknown; chainedError?: unknown };
  const innerCode = ((chainedError ?? cause) as { readonly code?: unknown } | undefined)?.code;
  if (code === 'CONNECTION_REFUSED' || innerCode === 'ECONNREFUSED') return 'nobody listens there';
  if (isTimeout(error)) return 'no answer in time';
  if (code === 'SERVER_OPT_NA') return `the server does not have ${message}`;
  // The client does not expect that a server demands what it was told to do without.
  if (code === 'TLS' && message.includes('as it is null')) return "the server demands TLS, and 'tls' is false";
  return message || String(code ?? 'unknown');
}
