import { EMPTY, expand, type Observable } from 'rxjs';
import type { JetStreamApi } from './jetstream-api.ts';

/** What JetStream answers for one page of a list. */
export interface Page {
  readonly total: number;
  readonly offset: number;
}

/**
 * Asks for a list when subscribed and emits its pages, of which JetStream decides how long they are.
 *
 * What comes or goes in the meantime moves the pages: an item may then be left out or come twice.
 */
export function paged<A extends Page>(
  api: JetStreamApi,
  subject: string,
  request: Readonly<Record<string, unknown>>,
  lengthOf: (page: A) => number,
): Observable<A> {
  const ask = (offset: number) => api.ask<A>(subject, { ...request, offset });
  return ask(0).pipe(
    expand((page) => {
      const length = lengthOf(page);
      const next = page.offset + length;
      return length === 0 || next >= page.total ? EMPTY : ask(next);
    }),
  );
}
