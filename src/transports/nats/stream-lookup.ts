import { defer, finalize, map, type Observable, of, share, switchMap, tap } from 'rxjs';
import { matchesAddress } from '../../core/names.ts';
import type { JetStreamApi } from './jetstream-api.ts';

/** What a publisher that gets no answer wants to know of a stream. */
export interface StreamFacts {
  readonly name: string;
  readonly subjects: readonly string[];
  /** How long, in ms, it knows a message id again. */
  readonly duplicateWindow: number;
}

/** Finds the stream that stores an address. */
export interface StreamLookup {
  /** Looks when subscribed, and emits undefined where no stream does. Fails where JetStream does not answer. */
  find(address: string): Observable<StreamFacts | undefined>;
}

interface NamesAnswer {
  readonly streams?: readonly string[] | null;
}

interface StreamAnswer {
  readonly config: { readonly name: string; readonly subjects?: readonly string[]; readonly duplicate_window?: number };
}

const NANOS = 1_000_000;
const DEFAULT_WINDOW = 120_000;

/** How long what was found is taken to be so, in ms: hundreds of messages may ask the same thing at the same time. */
const FRESH = 2_000;

/** Makes a lookup by JetStream's API. */
export function streamLookup(api: JetStreamApi): StreamLookup {
  const { scheduler } = api.wire;
  const asked = new Map<string, Observable<StreamFacts | undefined>>();
  let found: { readonly facts: StreamFacts; readonly at: number }[] = [];

  function known(address: string): StreamFacts | undefined {
    const now = scheduler.now();
    found = found.filter(({ at }) => now - at < FRESH);
    return found.find(({ facts }) => facts.subjects.some((pattern) => matchesAddress(pattern, address)))?.facts;
  }

  function ask(address: string): Observable<StreamFacts | undefined> {
    return api.ask<NamesAnswer>('STREAM.NAMES', { subject: address }).pipe(
      switchMap(({ streams }) => {
        const name = streams?.[0];
        return name === undefined ? of(undefined) : api.ask<StreamAnswer>(`STREAM.INFO.${name}`).pipe(map(factsOf));
      }),
      tap((facts) => facts !== undefined && found.push({ facts, at: scheduler.now() })),
      finalize(() => asked.delete(address)),
      share(),
    );
  }

  return {
    find: (address) =>
      defer(() => {
        const facts = known(address);
        if (facts !== undefined) return of(facts);
        const answer = asked.get(address) ?? ask(address);
        asked.set(address, answer);
        return answer;
      }),
  };
}

function factsOf({ config }: StreamAnswer): StreamFacts {
  const { name, subjects = [], duplicate_window: window } = config;
  return { name, subjects, duplicateWindow: window === undefined ? DEFAULT_WINDOW : window / NANOS };
}
