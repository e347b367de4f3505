import type { DataCodec } from './data-codec.ts';
import type { Event } from './event.ts';
import type { MediaType } from './media-type.ts';

/** Options for {@link protobufCodec}; `S` is what the runtime has for the schema of a message. */
export interface ProtobufCodecOptions<S> {
  /** The schemas of all messages that events carry. */
  readonly schemas: readonly S[];
  /** Writes a message: `toBinary` of `@bufbuild/protobuf`, or `(type, message) => type.encode(message).finish()`. */
  readonly toBinary: (schema: S, message: never) => Uint8Array;
  /** Reads a message: `fromBinary` of `@bufbuild/protobuf`, or `(type, bytes) => type.decode(bytes)`. */
  readonly fromBinary: (schema: S, bytes: Uint8Array) => unknown;
  /** The full name of a schema's message, without a leading dot. @defaultValue its `typeName`, or its `fullName` */
  readonly nameOf?: (schema: S) => string;
  /**
   * Names the schema of an event's data, such as by its type, where the media type does not name the message.
   *
   * @defaultValue the only schema, if there is but one
   */
  readonly schemaOf?: (event: Event) => S | undefined;
}

/**
 * Makes a codec for data in Protocol Buffers: `application/protobuf`, `application/x-protobuf`,
 * `application/vnd.google.protobuf` and `+proto`, of any protobuf runtime.
 *
 * Which message it is, is said by a parameter of the media type (`proto`, `messagetype` or `type`), else by the message
 * itself when it is written (`$typeName`), else by `schemaOf`.
 *
 * @example
 * ```ts
 * import { fromBinary, toBinary } from '@bufbuild/protobuf';
 *
 * const dataCodecs = [protobufCodec({ schemas: [OrderSchema], fromBinary, toBinary })];
 * ```
 */
export function protobufCodec<S>(options: ProtobufCodecOptions<S>): DataCodec {
  const { schemas, toBinary, fromBinary, nameOf = ownName, schemaOf = onlyOne } = options;
  const byName = new Map(schemas.map((schema) => [nameOf(schema), schema]));

  function onlyOne(): S | undefined {
    return schemas.length === 1 ? schemas[0] : undefined;
  }

  function find(name: string | undefined, event: Event): S {
    const schema = name === undefined ? schemaOf(event) : byName.get(name);
    if (schema === undefined) throw new TypeError('No schema is known for this message');
    return schema;
  }

  return {
    handles: ({ essence }) => PROTOBUF.has(essence) || essence.endsWith('+proto') || essence.endsWith('+protobuf'),
    encode: (data, mediaType, event) => toBinary(find(named(mediaType) ?? typeNameOf(data), event), data as never),
    decode: (bytes, mediaType, event) => fromBinary(find(named(mediaType), event), bytes),
  };
}

const PROTOBUF: ReadonlySet<string> = new Set([
  'application/protobuf',
  'application/x-protobuf',
  'application/vnd.google.protobuf',
]);

function named({ parameters }: MediaType): string | undefined {
  return parameters.get('proto') ?? parameters.get('messagetype') ?? parameters.get('type');
}

function typeNameOf(data: unknown): string | undefined {
  const name = typeof data === 'object' && data !== null && '$typeName' in data ? data.$typeName : undefined;
  return typeof name === 'string' ? name : undefined;
}

function ownName(schema: unknown): string {
  const { typeName, fullName } = schema as { readonly typeName?: string; readonly fullName?: string };
  return (typeName ?? fullName ?? '').replace(/^\./, '');
}
