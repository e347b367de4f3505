import type { Subscriber, Subscription } from 'rxjs';
import type { Outgoing } from '../../core/addressing.ts';
import type { MessageHeaders } from '../../core/delivery.ts';
import { PublishError } from '../../core/errors.ts';
import type { Receipt } from '../../core/transport.ts';
import type { SentMessage } from './nats-codec.ts';
import type { PubAck } from './pub-ack.ts';
import { Publication, type PublicationOwner } from './publication.ts';
import { encodeMessage, type PublishJob, type PublishOwner, type PublishPlan } from './publish-job.ts';
import type { PublishSettings } from './publish-options.ts';

/** One call of publish that was subscribed to: sends its messages in order as it is let, and emits their receipts in order. */
export class PublishRun implements PublishJob, PublicationOwner {
  readonly owner: PublishOwner;
  readonly settings: PublishSettings;
  readonly messages: readonly Outgoing[];
  readonly subscriber: Subscriber<Receipt>;
  readonly encoded: readonly SentMessage[] | undefined;
  readonly extra: ((index: number) => MessageHeaders) | undefined;
  /** What is known of each message from `emitted` to `sent`. */
  readonly states: (Publication | Receipt | undefined)[] = [];
  sent = 0;
  emitted = 0;
  /** The place of the first message that failed. */
  failedAt: number = Number.POSITIVE_INFINITY;
  error: unknown = undefined;
  ended = false;
  clock: Subscription | undefined = undefined;

  /** @throws InvalidEventError or PublishError when a list of no more than may be on their way holds what cannot be sent. */
  constructor(owner: PublishOwner, { messages, settings, extra }: PublishPlan, subscriber: Subscriber<Receipt>) {
    this.owner = owner;
    this.settings = settings;
    this.messages = messages;
    this.subscriber = subscriber;
    this.extra = extra;
    this.encoded =
      messages.length > owner.inFlight ? undefined : messages.map((message, index) => this.encode(message, index));
  }

  get hasMore(): boolean {
    return !this.ended && this.failedAt === Number.POSITIVE_INFINITY && this.sent < this.messages.length;
  }

  sendNext(): void {
    const index = this.sent;
    const message = this.messages[index] as Outgoing;
    this.sent += 1;
    let publication: Publication;
    try {
      publication = new Publication(this, index, message, this.encoded?.[index] ?? this.encode(message, index));
    } catch (error) {
      this.owner.released();
      return this.fail(index, error);
    }
    this.states[index] = publication;
    publication.send();
  }

  stored(publication: Publication, { stream, sequence, duplicate }: PubAck): void {
    const { index, message } = publication;
    publication.close();
    this.owner.hasStored = true;
    this.states[index] = { address: message.address, stored: true, stream, sequence, duplicate };
    if (index === this.emitted) this.emit();
    this.owner.released();
  }

  failed(publication: Publication, error: PublishError): void {
    this.fail(publication.index, error);
  }

  reconnected(): void {
    this.clock?.unsubscribe();
    this.clock = undefined;
    for (let index = this.emitted; index < this.sent; index++) {
      const state = this.states[index];
      if (state instanceof Publication) state.reconnected();
    }
  }

  /** Nothing of it can be sent: there is no connection. What waits for its turn waits for its timeout at most. */
  disconnected(): void {
    if (this.clock !== undefined || this.sent > this.emitted || !this.hasMore) return;
    const { timeout } = this.settings;
    this.clock = this.owner.wire.scheduler.schedule(() => {
      this.refuse(`There was no connection for ${timeout} ms, so the message was not sent`, undefined);
    }, timeout);
  }

  abandon(said: string, cause: unknown): void {
    for (let index = this.emitted; index < this.sent; index++) {
      const state = this.states[index];
      if (!(state instanceof Publication)) continue;
      state.uncertain ||= !state.waiting && state.pause === undefined;
      return state.fail(said, cause);
    }
    if (this.hasMore) this.refuse(said, cause);
  }

  /** Forgets what is on its way. */
  stop(): void {
    if (this.ended) return;
    this.ended = true;
    this.clock?.unsubscribe();
    this.forget(this.emitted);
    this.owner.ended(this);
  }

  private encode(message: Outgoing, index: number): SentMessage {
    return encodeMessage(this.owner, message, this.extra?.(index));
  }

  private emit(): void {
    const { states, subscriber } = this;
    let state = states[this.emitted];
    while (state !== undefined && !(state instanceof Publication)) {
      states[this.emitted] = undefined;
      this.emitted += 1;
      subscriber.next(state);
      if (this.ended) return;
      state = states[this.emitted];
    }
    if (this.emitted === this.failedAt) subscriber.error(this.error);
    else if (this.emitted === this.messages.length) subscriber.complete();
  }

  private refuse(said: string, cause: unknown): void {
    const { address } = this.messages[this.sent] as Outgoing;
    this.fail(this.sent, new PublishError('refused', address, said, cause === undefined ? undefined : { cause }));
  }

  /** Sends no more, forgets what was sent behind the failure, and passes it on when all before it have their receipt. */
  private fail(index: number, error: unknown): void {
    if (index > this.failedAt) return;
    this.failedAt = index;
    this.error = error;
    this.forget(index);
    this.emit();
  }

  private forget(from: number): void {
    for (let index = from; index < this.sent; index++) {
      const state = this.states[index];
      this.states[index] = undefined;
      if (!(state instanceof Publication)) continue;
      state.close();
      this.owner.released();
    }
  }
}
