import { ConsumerConflictError } from '../../core/errors.ts';
import { type ConsumerSettings, filtersOverlap } from './config.ts';
import type { Consumer } from './consumer.ts';
import type { Stream } from './stream.ts';

/** Refuses a consumer that its stream cannot have, or that is not what it was made as. */
export function checkConsumer(settings: ConsumerSettings, stream: Stream, current: Consumer | undefined): void {
  const refuse = (rule: string): never => {
    throw new ConsumerConflictError(settings.stream, settings.name, rule);
  };
  if (current !== undefined && !sameStart(settings.from, current.settings.from)) {
    refuse(`starts from ${JSON.stringify(current.settings.from)} for good; delete it to start elsewhere`);
  }
  if (stream.settings.retention !== 'workqueue') return;
  if (settings.from !== 'all') refuse("must start from 'all': each message of a work queue is somebody's work");
  for (const other of stream.consumers.values()) {
    if (other === current || !filtersOverlap(settings.filter, other.settings.filter)) continue;
    refuse(`takes messages that consumer '${other.settings.name}' takes; in a work queue each has one taker`);
  }
}

function sameStart(a: ConsumerSettings['from'], b: ConsumerSettings['from']): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
