import type { Observable } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import type { Wired } from '../../core/raw-wire.ts';
import type {
  Capabilities,
  Publisher,
  Requester,
  Responder,
  StartPosition,
  SubscriptionOptions,
  Transport,
} from '../../core/transport.ts';

/** Options that the contract subscribes with: `address` for what is live, `stream` for what is stored. */
export interface ContractSubscription extends SubscriptionOptions {
  readonly address?: string;
  readonly queue?: string;
  readonly stream?: string;
  readonly consumer?: string;
  readonly filter?: string | readonly string[];
}

/** The part of a transport that the contract knows. */
export interface ContractTransport
  extends Publisher,
    Pick<Transport, 'name' | 'capabilities' | 'status$' | 'drain'>,
    Partial<Requester & Responder & Wired> {
  subscribe<T = unknown>(options: ContractSubscription): Observable<Delivery<T>>;
}

/** What a case wants its consumer to be. */
export interface ProvisionOptions {
  /** The lease of a delivery, in ms. @defaultValue long enough not to run out within the case */
  readonly lease?: number;
  /** @defaultValue no end */
  readonly maxDeliver?: number;
  /** @defaultValue no less than 1000 */
  readonly maxAckPending?: number;
  /** @defaultValue all */
  readonly filter?: string | readonly string[];
  /** @defaultValue `'all'` */
  readonly from?: StartPosition;
}

/** What a case runs on. The caller makes a new one for each case, and drains the transport afterwards. */
export interface ContractContext {
  readonly transport: ContractTransport;
  /** An address that no other case uses, without wildcards; the case publishes below it. */
  readonly address: string;
  /** The shortest lease, in ms, that the broker keeps well. */
  readonly lease: number;
  /**
   * Makes a stream bound to `${address}.>`, unless the case has it already, and a new durable consumer on it. Returns what
   * `subscribe` needs to read it.
   */
  provision(
    options?: ProvisionOptions,
  ): Promise<ContractSubscription & { readonly stream: string; readonly consumer: string }>;
  /** Lets that much time pass, in ms, virtual or real, and promises settle. */
  advance(duration: number): Promise<void>;
}

/** One promise that a transport makes. */
export interface ContractCase {
  readonly name: string;
  /** The capabilities without which it does not apply. */
  readonly requires?: readonly (keyof Capabilities)[];
  /** Rejects with an `AssertionError` where the promise is not kept. */
  run(context: ContractContext): Promise<void>;
}
