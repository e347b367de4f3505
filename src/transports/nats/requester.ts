import { Observable, type Subscriber } from 'rxjs';
import { NO_HEADERS } from '../../core/addressing.ts';
import { NoRespondersError, PublishError, RequestTimeoutError, TransportClosedError } from '../../core/errors.ts';
import type { Event } from '../../core/event.ts';
import type { RequestOptions, ResponderNotice } from '../../core/transport.ts';
import { goneAddress } from './cancellation.ts';
import type { ClientMessage } from './client.ts';
import type { CoreContext } from './core-context.ts';
import { asDecodeError, frameOf } from './core-delivery.ts';
import { ConnectionLostError, PermissionDeniedError } from './errors.ts';
import type { Asker, InboxEntry } from './inbox.ts';
import { isEnd, type LateReplies, lateReplies } from './late-replies.ts';
import type { SentMessage } from './nats-codec.ts';
import { errorIn, termsWriter } from './request-headers.ts';
import { isUnheard } from './request-raw.ts';

const DEFAULT_TIMEOUT = 5_000;
const MAX_TIMEOUT = 600_000;

/**
 * Makes a core transport's `request`: one inbox for all, and neither a subscription nor a timer for each.
 *
 * When the connection is lost while a request waits, it fails at once with `ConnectionLostError`: replies may be missing,
 * and a query can be asked again. One that is made while there is no connection is sent when there is one.
 */
export function requester(context: CoreContext): (event: Event, options?: RequestOptions) => Observable<Event> {
  const { wire, life, encode, addresses } = context;
  const questions = new Set<Question>();
  const late = lateReplies(wire, life);
  const writeTerms = termsWriter();
  life.asking.add((error) => failAll(questions, error));
  const changes = wire.changes$.subscribe((status) => {
    if (status.kind === 'closed') failAll(questions, new ConnectionLostError('for good', { cause: status.error }));
    if (status.kind !== 'error' || !(status.error instanceof PermissionDeniedError)) return;
    const { operation, address, message } = status.error;
    if (operation !== 'publish') return;
    const error = new PublishError('refused', address, message, { cause: status.error });
    failAll(
      [...questions].filter((question) => question.address === address),
      error,
    );
  });
  life.status$.subscribe({ complete: () => changes.unsubscribe() });

  return (event, options = {}) => {
    const { headers = NO_HEADERS, notice, timeout = DEFAULT_TIMEOUT } = options;
    const many = notice !== undefined || options.many === true;
    if (!(timeout > 0 && timeout <= MAX_TIMEOUT)) {
      throw new RangeError(`'timeout' must be above 0 and at most ${MAX_TIMEOUT} ms, not ${timeout}`);
    }
    // Where several answer, each reply of one gives the others time again, of which they know nothing.
    const terms = { timeout: notice === undefined ? timeout : MAX_TIMEOUT, many };
    const want: Wanted = { timeout, many, notice };

    return new Observable<Event>((subscriber) => {
      if (life.closed || wire.closed) throw new TransportClosedError(life.name);
      const outgoing = addresses.prepare(event, options);
      const encoded = encode(outgoing.event, headers);
      const question = new Question(context, questions, late, subscriber, outgoing.address, want);
      subscriber.add(question);
      question.ask(encoded, writeTerms(encoded.headers, terms));
    });
  };
}

function failAll(questions: Iterable<Question>, error: unknown): void {
  for (const question of [...questions]) question.fail(error);
}

/** What the options of a request say of its replies. */
interface Wanted {
  readonly timeout: number;
  readonly many: boolean;
  readonly notice: RequestOptions['notice'];
}

/** A request that waits for replies. A class, as there is one for each request. */
class Question implements Asker {
  readonly context: CoreContext;
  readonly questions: Set<Question>;
  readonly late: LateReplies;
  readonly subscriber: Subscriber<Event>;
  readonly address: string;
  readonly want: Wanted;
  readonly entry: InboxEntry;
  /** Whether the responder waits to hear of it: it was asked, and neither side has ended it. */
  pending = false;

  constructor(
    context: CoreContext,
    questions: Set<Question>,
    late: LateReplies,
    subscriber: Subscriber<Event>,
    address: string,
    want: Wanted,
  ) {
    this.context = context;
    this.questions = questions;
    this.late = late;
    this.subscriber = subscriber;
    this.address = address;
    this.want = want;
    this.entry = context.wire.inbox.open(this);
    questions.add(this);
  }

  ask({ data }: SentMessage, headers: string | Uint8Array): void {
    this.entry.expect(this.want.timeout);
    this.context.send(this.address, data, headers, this.entry.address);
    this.pending = true;
  }

  receive(message: ClientMessage): void {
    const frame = frameOf(message);
    if (frame.data.length === 0 && isUnheard(message)) return this.fail(new NoRespondersError(this.address));
    const { timeout, many, notice } = this.want;
    const error = frame.headers === undefined ? undefined : errorIn(frame.headers);
    if (notice !== undefined) this.entry.expect(timeout);
    if (error !== undefined) return notice === undefined ? this.fail(error) : this.#tell({ kind: 'failed', error });
    if (isEnd(frame)) return notice === undefined ? this.#complete() : this.#tell({ kind: 'ended' });
    if (many) this.entry.expect(timeout);
    else this.pending = false;
    let event: Event;
    try {
      event = this.context.codec.decode(frame);
    } catch (cause) {
      const unreadable = asDecodeError(cause, frame);
      if (notice === undefined) return this.subscriber.error(unreadable);
      return this.#tell({ kind: 'unreadable', error: unreadable });
    }
    this.subscriber.next(event);
    if (!many) this.subscriber.complete();
  }

  timedOut(): void {
    // One responder has heard how long it would be waited for; several have not.
    if (this.want.notice === undefined) this.pending = false;
    this.subscriber.error(new RequestTimeoutError(this.address, this.want.timeout));
  }

  disconnected(): void {
    if (this.pending) this.fail(new ConnectionLostError(`while a reply from '${this.address}' was awaited`));
  }

  fail(error: unknown): void {
    this.pending = false;
    this.subscriber.error(error);
  }

  #complete(): void {
    this.pending = false;
    this.subscriber.complete();
  }

  #tell(notice: ResponderNotice): void {
    try {
      this.want.notice?.(notice);
    } catch (error) {
      this.subscriber.error(error);
    }
  }

  unsubscribe(): void {
    this.entry.close();
    this.late.ended(this.entry, this.address);
    this.questions.delete(this);
    if (!this.pending) return;
    this.pending = false;
    const { wire } = this.context;
    if (wire.closed) return;
    try {
      wire.publish(goneAddress(this.entry.address), '');
    } catch (error) {
      wire.report(error); // too much waits for a connection: the responder will learn from its clock
    }
  }
}
