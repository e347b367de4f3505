/** A media type of RFC 2046, taken apart. */
export interface MediaType {
  /** Type and subtype in lower case: `application/json`. */
  readonly essence: string;
  /** The parameters' values as they were given, by their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Takes a well-formed media type apart. Names are compared in lower case; values lose their quotes. */
export function parseMediaType(text: string): MediaType {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const mediaType = parse(text);
  if (parsed.size >= REMEMBERED) parsed.clear();
  parsed.set(text, mediaType);
  return mediaType;
}

/** Tells whether data of a content type are JSON, by the rule of the CloudEvents JSON format; they are without one. */
export function declaresJson(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === 'application/json') return true;
  return isJson(parseMediaType(contentType));
}

/** Tells whether a media type's subtype is `json`, or ends with `+json`. */
export function isJson({ essence }: MediaType): boolean {
  return essence.endsWith('/json') || essence.endsWith('+json');
}

/** A program meets few media types, but a peer can send any number: what is remembered is bounded. */
const REMEMBERED = 64;
const parsed = /* @__PURE__ */ new Map<string, MediaType>();

function parse(text: string): MediaType {
  const end = text.indexOf(';');
  const essence = (end < 0 ? text : text.slice(0, end)).trim().toLowerCase();
  const parameters = new Map<string, string>();
  if (end >= 0) {
    for (const [, name = '', quoted, token = ''] of text.slice(end).matchAll(PARAMETER)) {
      const key = name.toLowerCase();
      if (!parameters.has(key)) parameters.set(key, quoted === undefined ? token : quoted.replace(/\\(.)/g, '$1'));
    }
  }
  return { essence, parameters };
}

const PARAMETER = /;[ \t]*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;
