import type { Subscription } from 'rxjs';
import type { Outgoing } from '../../core/addressing.ts';
import { STOP } from '../../core/backoff.ts';
import { PublishError, UnboundAddressError } from '../../core/errors.ts';
import type { ClientMessage } from './client.ts';
import type { Asker, InboxEntry } from './inbox.ts';
import type { NatsMessage } from './nats-codec.ts';
import type { PubAck, PubAckReader } from './pub-ack.ts';
import type { PublishSettings } from './publish-options.ts';
import { isPassing, publishRefusal } from './publish-refusal.ts';
import { isUnheard } from './request-raw.ts';
import type { Wire } from './wire.ts';

/** Who has a message published, and hears what becomes of it. */
export interface PublicationOwner {
  readonly wire: Wire;
  readonly settings: PublishSettings;
  readonly readAck: PubAckReader;
  stored(publication: Publication, ack: PubAck): void;
  failed(publication: Publication, error: PublishError): void;
  /** There is no connection: `reconnected` is to be called when there is one again. */
  offline(): void;
}

/** Where nobody took a message: how long to wait before it is sent again, in ms, and how often (NATS ADR-22). */
const UNHEARD_DELAY = 250;
const UNHEARD_RETRIES = 2;

/**
 * One message on its way to a stream, from its first sending until it is known what became of it.
 *
 * A class, as there is one for each message: the methods are shared, and it needs no timer of its own.
 */
export class Publication implements Asker {
  readonly owner: PublicationOwner;
  /** Its place in the list that is published. */
  readonly index: number;
  readonly message: Outgoing;
  readonly encoded: NatsMessage;
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

  constructor(owner: PublicationOwner, index: number, message: Outgoing, encoded: NatsMessage) {
    this.owner = owner;
    this.index = index;
    this.message = message;
    this.encoded = encoded;
    this.entry = owner.wire.inbox.open(this);
    this.since = owner.wire.scheduler.now();
  }

  send(): void {
    const { wire, settings } = this.owner;
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
      if (isUnheard(message)) this.nobodyTookIt();
      return;
    }
    const ack = this.owner.readAck(message.data);
    if (ack === undefined) {
      this.uncertain = true;
      this.fail('The answer to the message could not be read');
    } else if (ack.error === undefined) this.owner.stored(this, ack);
    else if (isPassing(ack.error))
      this.again(`The stream did not take the message: ${ack.error.description}`, ack.error);
    else this.owner.failed(this, publishRefusal(this.message, ack.stream, ack.error));
  }

  timedOut(): void {
    if (this.waiting) {
      if (this.elapsed < this.owner.settings.retryFor) this.entry.expect(this.owner.settings.timeout);
      else this.fail('There was no connection for too long');
      return;
    }
    this.uncertain = true;
    const said = `The stream did not confirm the message within ${this.owner.settings.timeout} ms`;
    if (this.message.messageId === undefined) this.fail(said);
    else this.again(said);
  }

  disconnected(): void {
    if (this.closed || this.pause !== undefined || this.waiting) return; // it is not on its way
    this.uncertain = true;
    if (this.message.messageId === undefined || this.owner.wire.closed) {
      this.fail('The connection was lost before the stream confirmed the message');
    } else this.wait();
  }

  reconnected(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.send();
  }

  close(): void {
    this.closed = true;
    this.pause?.unsubscribe();
    this.entry.close();
  }

  /** Ends it: as unknown where it may have been stored. */
  fail(said: string, cause?: unknown): void {
    this.owner.failed(this, this.failure(said, cause));
  }

  private get elapsed(): number {
    return this.owner.wire.scheduler.now() - this.since;
  }

  private wait(): void {
    this.waiting = true;
    this.owner.offline();
  }

  /** No stream is bound to its address, or the one that is has no leader: either may change in a moment. */
  private nobodyTookIt(): void {
    this.unheard += 1;
    if (this.unheard <= UNHEARD_RETRIES) return this.sendIn(UNHEARD_DELAY);
    if (this.uncertain) return this.fail('The stream did not confirm the message, and is not there any more');
    this.owner.failed(this, new UnboundAddressError(this.message.address));
  }

  private again(said: string, cause?: unknown): void {
    const { backoff, retryFor } = this.owner.settings;
    const { elapsed } = this;
    const delay = backoff(this.attempts, elapsed);
    if (delay === STOP || elapsed + delay >= retryFor) this.fail(said, cause);
    else this.sendIn(delay);
  }

  private sendIn(delay: number): void {
    this.pause?.unsubscribe();
    this.pause = this.owner.wire.scheduler.schedule(() => this.send(), delay);
  }

  private failure(said: string, cause: unknown): PublishError {
    const options = cause === undefined ? undefined : { cause };
    if (!this.uncertain) return new PublishError('refused', this.message.address, said, options);
    return new PublishError('unknown', this.message.address, `${said}; it may have been stored`, options);
  }
}
