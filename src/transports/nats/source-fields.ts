import { checkStart } from '../../core/check-options.ts';
import { validateAddress, validateName } from '../../core/names.ts';
import { defined, textIn, wireIn } from './field-kinds.ts';
import { isoOf, timeOf } from './nanos.ts';
import type { CopyStart, StreamConfig, StreamSource, SubjectTransform } from './stream-config.ts';
import type { WireConfig, WireField, WireFields } from './wire-field.ts';

const DOMAIN = /^\$JS\.([^.]+)\.API$/;

/** The stream that a stream mirrors. */
export const mirrorField: WireFields<StreamConfig>['mirror'] = {
  check: checkSource,
  write: (value) => ({ mirror: writeSource(value) }),
  read: (wire) => (wire['mirror'] === undefined ? undefined : readSource(wire['mirror'])),
  needs: (value) => needsOf([value]),
};

/** The streams whose messages a stream gathers. */
export const sourcesField: WireField<readonly StreamSource[]> = {
  check(field, value) {
    if (!Array.isArray(value)) throw new TypeError(`'${field}' must be a list`);
    for (const [i, source] of value.entries()) checkSource(`${field}[${i}]`, source);
  },
  write: (value) => ({ sources: value.length === 0 ? undefined : value.map(writeSource) }),
  read: ({ sources }) => (Array.isArray(sources) ? sources.map(readSource) : []),
  needs: needsOf,
};

export function checkTransform(field: string, value: SubjectTransform): void {
  if (typeof value?.destination !== 'string' || value.destination === '')
    throw new TypeError(`'${field}' must have a 'destination'`);
  if (value.source !== undefined) validateAddress(value.source, { wildcards: true });
}

export function writeTransform({ source = '>', destination }: SubjectTransform): WireConfig {
  return { src: source, dest: destination };
}

export function readTransform(wire: unknown): SubjectTransform | undefined {
  const { src, dest } = wireIn(wire);
  return typeof dest === 'string' ? { source: textIn(src) ?? '>', destination: dest } : undefined;
}

function checkSource(field: string, value: StreamSource): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`'${field}' must be an object`);
  const { stream, from, filter, domain, external, subjectTransforms = [] } = value;
  validateName(`${field}.stream`, stream);
  if (filter !== undefined) validateAddress(filter, { wildcards: true });
  if (from === ('last' as CopyStart))
    throw new TypeError(`'${field}.from' must be 'all', 'new', { sequence } or { time }`);
  if (from !== undefined) checkStart(from);
  if (domain !== undefined && external !== undefined)
    throw new TypeError(`'${field}.domain' and '${field}.external' exclude each other`);
  if (filter !== undefined && subjectTransforms.length > 0)
    throw new TypeError(`'${field}.filter' and '${field}.subjectTransforms' exclude each other`);
  for (const transform of subjectTransforms) checkTransform(`${field}.subjectTransforms`, transform);
}

function writeSource({ stream, from, filter, domain, external, subjectTransforms }: StreamSource): WireConfig {
  const { apiPrefix = domain === undefined ? undefined : `$JS.${domain}.API`, deliverPrefix } = external ?? {};
  return defined({
    name: stream,
    ...writeStart(from),
    filter_subject: filter,
    external: apiPrefix === undefined ? undefined : defined({ api: apiPrefix, deliver: deliverPrefix }),
    subject_transforms: subjectTransforms?.map(writeTransform),
  });
}

/** Where it starts among what is new is resolved to a sequence before it is written. */
function writeStart(from: CopyStart | undefined): WireConfig {
  if (typeof from !== 'object') return {};
  return 'sequence' in from ? { opt_start_seq: from.sequence } : { opt_start_time: isoOf(from.time) };
}

function readSource(wire: unknown): StreamSource {
  const { name, opt_start_seq: sequence, opt_start_time, filter_subject, external, subject_transforms } = wireIn(wire);
  const time = timeOf(opt_start_time);
  const { api, deliver } = wireIn(external);
  const apiPrefix = textIn(api);
  const domain = DOMAIN.exec(apiPrefix ?? '')?.[1];
  const isDomain = domain !== undefined && textIn(deliver) === undefined;
  const transforms = Array.isArray(subject_transforms)
    ? subject_transforms.flatMap((one) => readTransform(one) ?? [])
    : [];
  return defined<StreamSource>({
    stream: textIn(name) ?? '',
    from: typeof sequence === 'number' && sequence > 0 ? { sequence } : time === undefined ? 'all' : { time },
    filter: textIn(filter_subject),
    domain: isDomain ? domain : undefined,
    external: apiPrefix === undefined || isDomain ? undefined : defined({ apiPrefix, deliverPrefix: textIn(deliver) }),
    subjectTransforms: transforms.length === 0 ? undefined : transforms,
  });
}

function needsOf(sources: readonly StreamSource[]) {
  const transforms = sources.some(({ subjectTransforms = [] }) => subjectTransforms.length > 0);
  return transforms ? { name: 'subject transforms of sources', level: 0, version: '2.10' } : undefined;
}
