// Chance that repeats: what happens to an event follows from the seed and the event's identity, and not from when its
// turn comes. So two runs of one seed have the same failures, however differently their events interleave.
import { type Event, eventKey } from 'millrace';
import { seededRandom } from 'millrace/testing';

/** Makes the source of chance for one decision about one event. */
export function chanceFor(seed: number, decision: string, event: Event): () => number {
  return seededRandom(hash(`${seed} ${decision} ${eventKey(event)}`));
}

/** FNV-1a, of 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
