import { from, Observable, type ObservableInput, of, type SchedulerLike, Subscription } from 'rxjs';
import type { EventInit } from '../../core/create-event.ts';
import { RemoteError } from '../../core/errors.ts';
import type { IncomingRequest } from '../../core/transport.ts';
import { isInput, isPromiseLike } from '../../core/when-done.ts';
import { completeDraft } from '../draft.ts';

/** What a handler of requests returns or emits: replies, one at a time or several, as events or what they are made of. */
export type Reply = EventInit | readonly EventInit[];

/** Answers one request. What it emits is sent as it comes; its end is the end of the replies; its failure is told. */
export type RequestHandler<T = unknown> = {
  // A method, so that a handler may name the type of its data.
  answer(request: IncomingRequest<T>): ObservableInput<Reply | undefined> | Reply | undefined | void;
}['answer'];

/** What became of one request. */
export type Served =
  /** The handler is done, or the asker has the one reply that it wanted. */
  | { readonly kind: 'answered'; readonly request: IncomingRequest; readonly replies: number }
  /** The handler failed, and the asker was told. */
  | { readonly kind: 'failed'; readonly request: IncomingRequest; readonly replies: number; readonly error: unknown }
  /** The asker went before the handler was done. */
  | { readonly kind: 'abandoned'; readonly request: IncomingRequest; readonly replies: number }
  /** No handler ran, as the error says, and the asker was told. */
  | { readonly kind: 'refused'; readonly request: IncomingRequest; readonly replies: 0; readonly error: RemoteError };

/** Says what the asker is told of a failure. */
export type DescribeError = (error: unknown, request: IncomingRequest) => RemoteError;

/** Options for {@link answerRequest}. */
export interface AnswerOptions {
  readonly describe: DescribeError;
  readonly scheduler: SchedulerLike | undefined;
}

/**
 * Runs a handler for a request, and emits what became of it; completes when nothing of the handler runs any more, which
 * for a promise is when it settles. Unsubscribing ends the handler and answers with an error.
 */
export function answerRequest(
  request: IncomingRequest,
  handler: RequestHandler,
  { describe, scheduler }: AnswerOptions,
): Observable<Served> {
  return new Observable((subscriber) => {
    const { signal } = request;
    const work = new Subscription();
    let replies = 0;
    let replying = false;
    let over = false;
    let pending = false;

    function close(): boolean {
      if (over) return false;
      over = true;
      signal.removeEventListener('abort', gone);
      work.unsubscribe();
      return true;
    }

    function emit(served: Served): void {
      subscriber.next(served);
      if (!pending) subscriber.complete();
    }

    /** It also goes while it is sent the reply that was all it wanted. */
    function gone(): void {
      if (close()) emit({ kind: replying ? 'answered' : 'abandoned', request, replies });
    }

    function done(): void {
      if (!close()) return;
      request.end();
      emit({ kind: 'answered', request, replies });
    }

    function fail(error: unknown): void {
      if (!close()) return;
      const { remoteCode, message } = describeSafely(describe, error, request);
      request.fail(remoteCode, message);
      emit({ kind: 'failed', request, replies, error });
    }

    function send(reply: Reply | undefined): void {
      if (Array.isArray(reply)) return (reply as readonly EventInit[]).forEach(send);
      if (over || reply === undefined) return;
      try {
        const event = completeDraft(reply as EventInit, request.event, { scheduler });
        replies += 1;
        replying = true;
        if (!request.reply(event)) replies -= 1;
      } catch (error) {
        replies -= 1;
        fail(error);
      }
      replying = false;
    }

    if (signal.aborted) return gone();
    signal.addEventListener('abort', gone);
    subscriber.add(() => {
      if (close()) request.fail('UNAVAILABLE', 'The responder stopped before it had answered');
    });
    let result: ReturnType<RequestHandler>;
    try {
      result = handler(request);
    } catch (error) {
      return fail(error);
    }
    if (isPromiseLike(result)) {
      pending = true;
      const settled = () => {
        pending = false;
        if (over) subscriber.complete();
      };
      result.then(settled, settled);
    }
    const answers = isInput<Reply | undefined>(result as ObservableInput<Reply>)
      ? from(result as ObservableInput<Reply | undefined>)
      : of(result as Reply | undefined);
    work.add(answers.subscribe({ next: send, error: fail, complete: done }));
  });
}

/** The code and the message of an error, and nothing else of it. */
export function describeError(error: unknown): RemoteError {
  if (error instanceof RemoteError) return error;
  if (!(error instanceof Error)) return new RemoteError('HANDLER_FAILED', String(error));
  const code = (error as { readonly code?: unknown }).code;
  return new RemoteError(typeof code === 'string' && code !== '' ? code : 'HANDLER_FAILED', error.message);
}

function describeSafely(describe: DescribeError, error: unknown, request: IncomingRequest): RemoteError {
  try {
    return describe(error, request);
  } catch {
    return new RemoteError('HANDLER_FAILED', 'The handler failed');
  }
}
