import type { MessageHeaders } from '../../core/delivery.ts';
import type { Event } from '../../core/event.ts';
import { LiveDelivery, type LiveOwner } from '../../core/live-delivery.ts';
import { liveSource } from '../../core/live-source.ts';
import type { OpenAttachment, Puller } from '../../core/puller.ts';
import type { OverflowPolicy } from '../../core/transport.ts';
import type { CoreMessage, Router } from './router.ts';

/** Options of a source that cannot wait. */
export interface CoreSourceOptions {
  readonly address: string;
  readonly queue: string | undefined;
  readonly buffer: number;
  readonly overflow: OverflowPolicy;
}

type EventMessage = CoreMessage & { readonly event: Event };

/** Listens at an address for a puller. What has no event is the end mark of a reply, and nothing to listen for. */
export function coreSource(router: Router, puller: Puller, options: CoreSourceOptions): OpenAttachment {
  const { queue, ...limits } = options;
  return liveSource<EventMessage>(puller, {
    ...limits,
    listen: (receive) => router.listen(limits.address, queue, (message) => isEvent(message) && receive(message)),
    deliver: (message, owner) => new CoreDelivery(message, owner),
  });
}

function isEvent(message: CoreMessage): message is EventMessage {
  return message.event !== undefined;
}

class CoreDelivery extends LiveDelivery {
  readonly message: EventMessage;

  constructor(message: EventMessage, owner: LiveOwner) {
    super(owner);
    this.message = message;
  }

  get event(): Event {
    return this.message.event;
  }

  get address(): string {
    return this.message.address;
  }

  get headers(): MessageHeaders {
    return this.message.headers;
  }
}
