import { type Subscription, timeout } from 'rxjs';
import type { Outgoing } from '../../core/addressing.ts';
import { STOP } from '../../core/backoff.ts';
import { PublishError } from '../../core/errors.ts';
import type { ClientMessage } from './client.ts';
import type { Asker, InboxEntry } from './inbox.ts';
import type { SentMessage } from './nats-codec.ts';
import type { PubAck } from './pub-ack.ts';
import type { PublishOwner } from './publish-job.ts';
import { type PublishSettings, retryDelay } from './publish-options.ts';
import { isPassing, publishRefusal } from './publish-refusal.ts';
import { isUnheard } from './request-raw.ts';
import { UNHEARD_DELAY, UNHEARD_RETRIES, whyUnheard } from './why-unheard.ts';

/** Who has a message published, and hears what becomes of it. */
export interface PublicationOwner {
  readonly owner: PublishOwner;
  readonly settings: PublishSettings;
  stored(publication: Publication, ack: PubAck): void;
  failed(publication: Publication, error: PublishError): void;
}

/** How long to wait for what a stream is like, in ms: a server that does not answer is to get the message all the same. */
const LOOKUP_TIMEOUT = 1_000;

/**
 * One message on its way to a stream, from its first sending until it is known what became of it.
 *
 * A class, as there is one for each message: the methods are shared, and it needs no timer of its own.
 */
export class Publication implements Asker {
  readonly run: PublicationOwner;
  /** Its place in the list that is published. */
  readonly index: number;
  readonly message: Outgoing;
  readonly encoded: SentMessage;
  readonly entry: InboxEntry;
  readonly since: number;
  attempts = 0;
  unheard = 0;
  /** Whether an earlier sending may have been stored, though nothing came back. */
  uncertain = false;
  /** Whether it waits for a connection. */
  waiting = false;
  closed = false;
  pause: Subscription | undefined = undefined;

  constructor(run: PublicationOwner, index: number, message: Outgoing, encoded: SentMessage) {
    this.run = run;
    this.index = index;
    this.message = message;
    this.encoded = encoded;
    this.entry = run.owner.wire.inbox.open(this);
    this.since = run.owner.wire.scheduler.now();
  }

  send(): void {
    const { settings } = this.run;
    const { wire } = this.run.owner;
    const { headers, data } = this.encoded;
    this.pause = undefined;
    this.attempts += 1;
    this.entry.expect(settings.timeout);
    if (!wire.connected) return this.wait();
    try {
      wire.publish(this.message.address, data, headers, this.entry.address);
    } catch (cause) {
      this.fail('The client did not take the message', cause);
    }
  }

  receive(message: ClientMessage): void {
    if (message.data.length === 0) {
      if (this.pause === undefined && isUnheard(message)) this.nobodyTookIt();
      return;
    }
    const ack = this.run.owner.readAck(message.data);
    if (ack === undefined) {
      this.uncertain = true;
      this.fail('The answer to the message could not be read');
    } else if (ack.error === undefined) this.run.stored(this, ack);
    else if (!isPassing(ack.error)) this.refuse(publishRefusal(this.message, ack.stream, ack.error));
    else if (this.pause === undefined) this.again(`The stream is busy: ${ack.error.description}`, ack.error);
  }

  timedOut(): void {
    if (this.waiting) {
      if (this.elapsed < this.run.settings.retryFor) this.entry.expect(this.run.settings.timeout);
      else this.fail('There was no connection for too long');
      return;
    }
    if (this.pause !== undefined) return; // it is about to be sent again
    this.uncertain = true;
    const said = `The stream did not confirm the message within ${this.run.settings.timeout} ms`;
    if (this.message.messageId === undefined) this.fail(said);
    else this.again(said);
  }

  disconnected(): void {
    if (this.closed || this.pause !== undefined || this.waiting) return; // it is not on its way
    this.uncertain = true;
    if (this.message.messageId === undefined || this.run.owner.wire.closed) {
      this.fail('The connection was lost before the stream confirmed the message');
    } else this.wait();
  }

  reconnected(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.sendKnown(0, 'The connection was lost before the stream confirmed the message');
  }

  close(): void {
    this.closed = true;
    this.pause?.unsubscribe();
    this.entry.close();
  }

  /** Ends it: as unknown where it may have been stored. */
  fail(said: string, cause?: unknown): void {
    this.run.failed(this, this.failure(said, cause));
  }

  private get elapsed(): number {
    return this.run.owner.wire.scheduler.now() - this.since;
  }

  private wait(): void {
    this.waiting = true;
    this.run.owner.offline();
  }

  /** No stream is bound to its address, or the one that is has no leader: either may change in a moment. */
  private nobodyTookIt(): void {
    this.unheard += 1;
    const mayRetry = this.unheard <= UNHEARD_RETRIES && this.elapsed + UNHEARD_DELAY < this.run.settings.retryFor;
    if (mayRetry) return this.sendIn(UNHEARD_DELAY);
    this.meanwhile(
      whyUnheard(this.run.owner, this.message.address).subscribe((error) => {
        this.pause = undefined;
        if (error === undefined) this.again('The stream that stores the message has no leader');
        else this.refuse(error);
      }),
    );
  }

  /** A server may look at what is expected before it looks at the id: it can refuse the message because it has it. */
  private refuse(error: PublishError): void {
    if (this.uncertain) this.fail('The message was refused when it was sent again', error);
    else this.run.failed(this, error);
  }

  /** Sends it again after a while, if the policy says so. */
  private again(said: string, cause?: unknown): void {
    const { settings } = this.run;
    const delay = retryDelay(settings, this.attempts, this.elapsed);
    if (delay === STOP) this.fail(said, cause);
    else this.sendKnown(delay, said, cause);
  }

  /** What may have been stored is sent again only as long as the stream would know it by its id. */
  private sendKnown(delay: number, said: string, cause?: unknown): void {
    if (!this.uncertain) return this.sendIn(delay);
    const { retryFor, timeout: patience } = this.run.settings;
    const { lookup, wire } = this.run.owner;
    const within = (window: number) => {
      this.pause = undefined;
      if (this.elapsed + delay < Math.min(retryFor, window)) this.sendIn(delay);
      else this.fail(said, cause);
    };
    this.meanwhile(
      lookup
        .find(this.message.address)
        .pipe(timeout({ first: Math.min(LOOKUP_TIMEOUT, patience), scheduler: wire.scheduler }))
        .subscribe({
          next: (facts) => within(facts?.duplicateWindow ?? retryFor),
          error: () => within(retryFor), // nobody says: the default of streams is longer than that of `retryFor`
        }),
    );
  }

  private sendIn(delay: number): void {
    if (delay === 0) return this.send();
    this.pause?.unsubscribe();
    this.pause = this.run.owner.wire.scheduler.schedule(() => this.send(), delay);
  }

  /** Keeps what it waits for before it is sent again, unless that is over already. */
  private meanwhile(pause: Subscription): void {
    if (!pause.closed) this.pause = pause;
  }

  private failure(said: string, cause: unknown): PublishError {
    const options = cause === undefined ? undefined : { cause };
    if (!this.uncertain) return new PublishError('refused', this.message.address, said, options);
    return new PublishError('unknown', this.message.address, `${said}; it may have been stored`, options);
  }
}
