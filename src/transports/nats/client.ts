/** A message as a client hands it over. */
export interface ClientMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
  readonly headers?: ClientHeaders;
}

/** The headers of a {@link ClientMessage}, read. */
export interface ClientHeaders extends Iterable<[string, string[]]> {
  readonly code: number;
  readonly description: string;
}

/** A subscription of a client. */
export interface ClientSubscription {
  unsubscribe(max?: number): void;
  /** Unsubscribes, and still hands over what is on its way. */
  drain(): Promise<void>;
}

/**
 * What millrace needs of a client's connection: one of `nats` 2.29 or of `@nats-io/transport-node` 3.x is one.
 *
 * Where JetStream and requests are concerned, millrace speaks the protocol itself, over plain publish and subscribe.
 */
export interface NatsConnectionLike {
  publish(
    subject: string,
    payload?: Uint8Array,
    options?: { readonly reply?: string; readonly headers?: unknown },
  ): void;
  subscribe(
    subject: string,
    options?: { readonly queue?: string; readonly callback?: (error: unknown, message: ClientMessage) => void },
  ): ClientSubscription;
  flush(): Promise<void>;
  status(): AsyncIterable<{ readonly type: string }>;
  close(): Promise<void>;
  closed(): Promise<unknown>;
  isClosed(): boolean;
  readonly info?: ServerInfo | undefined;
}

/** What a server says of itself when a client connects. */
export interface ServerInfo {
  readonly version: string;
  readonly max_payload: number;
  readonly headers?: boolean;
  readonly server_name?: string;
}

/**
 * Returns the header block of a message as it travelled, without reading it, or undefined where there is none.
 *
 * Both clients keep the received bytes, headers first, and read them when somebody asks: every stored message has
 * headers, and few of them are of interest. A client that keeps them elsewhere is asked for the headers that it has read.
 */
export function headerBlockOf(message: ClientMessage): Uint8Array | undefined {
  const { _rdata: bytes, _msg: frame } = message as ClientMessage & KeptBytes;
  if (bytes === undefined || frame === undefined) return writtenAgain(message);
  if (frame.hdr <= 0) return undefined;
  if (startsWith(bytes, frame.hdr, commonBlock)) return commonBlock;
  const block = bytes.subarray(0, frame.hdr);
  if (frame.hdr !== commonBlock.length) commonBlock = new Uint8Array(block);
  return block;
}

/** Whether the header block of a message passes a test of its bytes, up to `end`; false where the client does not keep them. */
export function headerBlockIs(message: ClientMessage, test: (bytes: Uint8Array, end: number) => boolean): boolean {
  const { _rdata: bytes, _msg: frame } = message as ClientMessage & KeptBytes;
  return bytes !== undefined && frame !== undefined && test(bytes, frame.hdr);
}

/** A block that many messages in a row are likely to have, as events without headers of their own do: a copy, as it stays. */
let commonBlock = /* @__PURE__ */ new Uint8Array(0);

function startsWith(bytes: Uint8Array, length: number, block: Uint8Array): boolean {
  if (length !== block.length) return false;
  for (let at = length - 1; at >= 0; at -= 1) if (bytes[at] !== block[at]) return false; // the end differs first
  return true;
}

/** Returns the address of a message as bytes, where the client keeps it so; it decodes it when somebody asks. */
export function addressBytesOf(message: ClientMessage): Uint8Array | undefined {
  return (message as ClientMessage & KeptBytes)._msg?.subject;
}

interface KeptBytes {
  readonly _rdata?: Uint8Array;
  readonly _msg?: { readonly hdr: number; readonly subject?: Uint8Array };
}

function writtenAgain({ headers }: ClientMessage): Uint8Array | undefined {
  if (headers === undefined) return undefined;
  let text = headers.code > 0 ? `NATS/1.0 ${headers.code} ${headers.description}\r\n` : 'NATS/1.0\r\n';
  for (const [name, values] of headers) for (const value of values) text += `${name}: ${value}\r\n`;
  return encoder.encode(`${text}\r\n`);
}

const encoder = /* @__PURE__ */ new TextEncoder();

/** What both clients write with: lines of the protocol as they are. */
export interface LineProtocol {
  outMsgs: number;
  outBytes: number;
  readonly noMorePublishing: boolean;
  sendCommand(command: Uint8Array, ...payloads: Uint8Array[]): void;
}

/** Returns what a client writes with; undefined where it has no such thing. */
export function lineProtocolOf(client: NatsConnectionLike): LineProtocol | undefined {
  const { protocol } = client as NatsConnectionLike & { readonly protocol?: LineProtocol };
  if (typeof protocol?.sendCommand !== 'function' || typeof protocol.outMsgs !== 'number') return undefined;
  return protocol;
}

/** A header block in the place of a client's own headers: of those, a client asks for nothing but the bytes. */
export class HeaderBlock {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  encode(): Uint8Array {
    return this.bytes;
  }
}
