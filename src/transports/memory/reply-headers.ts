import type { MessageHeaders } from '../../core/delivery.ts';

/** The headers of an answer that is an error (NATS ADR-32). */
export const ERROR_CODE = 'Nats-Service-Error-Code';
export const ERROR_MESSAGE = 'Nats-Service-Error';

/** The headers of an answer that is an error. */
export function errorHeaders(code: string, message: string): MessageHeaders {
  return { [ERROR_CODE]: code, [ERROR_MESSAGE]: message };
}
