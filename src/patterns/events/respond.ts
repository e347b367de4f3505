import { hash } from 'node:crypto';
import { concatMap, from, Observable, type ObservableInput, of, type SchedulerLike } from 'rxjs';
import type { EventInit } from '../../core/create-event.ts';
import type { Delivery, MessageHeaders } from '../../core/delivery.ts';
import { type Event, eventKey } from '../../core/event.ts';
import type { Publisher, PublishOptions, Receipt } from '../../core/transport.ts';
import { isInput, isPromiseLike } from '../../core/when-done.ts';
import { boundedConcurrency } from '../../operators/bounded-concurrency.ts';
import { completeDraft } from '../draft.ts';
import { isNoResponse, type NoResponse } from './no-response.ts';

/** What a handler emits: responses, one at a time or several, as events or as what `createEvent` makes them of. */
export type Emitted = EventInit | readonly EventInit[] | NoResponse;

/** How responses are published. */
export interface ResponseOptions {
  /** Who publishes them. @defaultValue the transport that is listened to */
  readonly publisher?: Publisher;
  /** Where they travel. @defaultValue the publisher's mapping: prefix, `.`, type */
  readonly address?: string | ((event: Event) => string);
  /** Headers beside each. */
  readonly headers?: MessageHeaders;
  /** Whether each must be stored before the request is acked. @defaultValue whether the request was */
  readonly stored?: boolean;
}

/** Publishes what the handler of a request returned or emitted. */
export type Respond = (
  request: Delivery,
  result: ObservableInput<Emitted> | Emitted | void,
) => ObservableInput<Receipt> | undefined;

/** How many responses of one request are on their way at a time, and how many wait for that. */
const IN_FLIGHT = 64;
const WAITING = 100_000;

/** 132 bits. */
const ID_LENGTH = 22;

/**
 * Makes the function that publishes responses: in the order in which they are emitted, each with the request's
 * transaction id unless it has its own.
 *
 * Its message id, and its id where it has none, follow from the request, the consumer, the response's type and its number
 * among those of that type: a request that is delivered again publishes nothing twice where the stream recognises that.
 */
export function responder(fallback: Publisher, options: ResponseOptions, scheduler?: SchedulerLike): Respond {
  const { publisher = fallback, address, headers, stored } = options;
  const common: PublishOptions = {
    ...(address === undefined ? {} : { address }),
    ...(headers === undefined ? {} : { headers }),
  };

  function publish(request: Delivery, draft: EventInit, number: number): Observable<Receipt> {
    const { stream = '', consumer = '' } = request.subscription;
    const name = `response ${number} ${draft.type} of ${stream}/${consumer} to ${eventKey(request.event)}`;
    const response = completeDraft(draft, request.event, { id: draft.id ?? idFrom(name), scheduler });
    return publisher.publish(response, {
      ...common,
      messageId: name,
      stored: stored ?? request.position !== undefined,
    });
  }

  function publishAll(request: Delivery, emitted: ObservableInput<Emitted>): Observable<Receipt> {
    return new Observable((subscriber) => {
      const numbers = new Map<string, number>();
      const responses = from(emitted).pipe(concatMap(draftsOf));
      const published = responses.pipe(
        boundedConcurrency(
          (draft) => {
            const number = numbers.get(draft.type) ?? 0;
            numbers.set(draft.type, number + 1);
            return publish(request, draft, number);
          },
          { concurrency: IN_FLIGHT, buffer: WAITING },
        ),
      );
      return published.subscribe(subscriber);
    });
  }

  /** A promise stays one: nothing can stop it, and the delivery is not to go back before it settles. */
  async function publishLater(request: Delivery, promise: PromiseLike<Emitted>): Promise<Receipt> {
    const emitted = await promise;
    request.signal.throwIfAborted(); // its time is over: the request is delivered again
    return new Promise((resolve, reject) => {
      let last: Receipt;
      publishAll(request, of(emitted)).subscribe({
        next: (receipt) => {
          last = receipt;
        },
        error: reject,
        complete: () => resolve(last),
      });
    });
  }

  return (request, result) => {
    if (result === undefined || isNoResponse(result)) return undefined;
    if (isPromiseLike<Emitted>(result)) return publishLater(request, result);
    if (isInput<Emitted>(result as ObservableInput<Emitted>))
      return publishAll(request, result as ObservableInput<Emitted>);
    return publish(request, result as EventInit, 0);
  };
}

/** Of the same length for all, as a response may be a request, whose response is one, and so on. */
function idFrom(name: string): string {
  return hash('sha256', name, 'base64url').slice(0, ID_LENGTH);
}

function draftsOf(emitted: Emitted | undefined): readonly EventInit[] {
  if (emitted === undefined || isNoResponse(emitted)) return [];
  return Array.isArray(emitted) ? (emitted as readonly EventInit[]) : [emitted as EventInit];
}
