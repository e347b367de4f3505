import { overlaps } from '../../core/names.ts';
import type { ConsumerSettings } from './consumer-config.ts';
import type { StreamSettings } from './stream-config.ts';
import type { NamedField } from './wire-field.ts';

/** Checks each named field by itself. */
export function checkFields(named: readonly NamedField[]): void {
  for (const { name, field, value } of named) field.check(name, value);
}

/** Checks what fields of a stream have to do with each other, as it would be. */
export function checkStream(settings: StreamSettings): void {
  const { subjects, discard, discardNewPerSubject, maxMessagesPerSubject, maxAge, duplicateWindow } = settings;
  const clash = overlapIn(subjects);
  if (clash !== undefined) throw new TypeError(`'subjects' overlap: '${clash}' covers another one`);
  if (settings.mirror !== undefined && (subjects.length > 0 || settings.sources.length > 0))
    throw new TypeError("'mirror' excludes 'subjects' and 'sources'");
  if (discardNewPerSubject && discard !== 'new') throw new TypeError("'discardNewPerSubject' needs discard: 'new'");
  if (discardNewPerSubject && maxMessagesPerSubject === Number.POSITIVE_INFINITY)
    throw new TypeError("'discardNewPerSubject' needs 'maxMessagesPerSubject'");
  if (duplicateWindow > maxAge)
    throw new TypeError(`'duplicateWindow' ${duplicateWindow} is longer than 'maxAge' ${maxAge}`);
}

/** Checks what fields of a consumer have to do with each other, as it would be. */
export function checkConsumer({ filter, backoff, maxDeliver }: ConsumerSettings): void {
  const clash = overlapIn(filter);
  if (clash !== undefined) throw new TypeError(`'filter' patterns overlap: '${clash}' covers another one`);
  if (backoff.length > maxDeliver)
    throw new TypeError(`'backoff' has ${backoff.length} entries, more than 'maxDeliver' ${maxDeliver}`);
}

function overlapIn(patterns: readonly string[]): string | undefined {
  return patterns.find((a, i) => patterns.some((b, j) => j > i && overlaps(a, b)));
}
