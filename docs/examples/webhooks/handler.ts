// The work: what is done for each event. Typed for the events that have a definition, and the same for all others.
import { type Delivery, type Event, type EventDefinition, fatal } from 'millrace';
import { type Observable, switchMap, timer } from 'rxjs';
import { chanceFor } from './chance.ts';
import { issueCommented, issueOpened, pullRequestOpened, pushed, releasePublished, starred } from './events.ts';

export interface Worker {
  readonly handler: (delivery: Delivery) => Observable<string>;
  /** Mends the fault that release events cannot be handled with. */
  mend(): void;
}

/** Options for {@link worker}. */
export interface WorkerOptions {
  readonly seed: number;
  /** Told of each delivery whose work is done: the place of a database in this example. */
  readonly done: (delivery: Delivery) => void;
}

/**
 * Makes the worker. Its work takes a few milliseconds and yields a line about the event.
 *
 * It has one fault, a real one: it was written for releases with a name, and none of the published releases in the
 * examples has one.
 */
export function worker({ seed, done }: WorkerOptions): Worker {
  let mended = false;

  const routes = new Map<string, Route>([
    on(pushed, ({ ref, commits }) => `${commits.length} commits on ${ref}`),
    on(issueOpened, ({ issue }) => `issue #${issue.number} opened: ${issue.title}`),
    on(issueCommented, ({ issue, comment }) => `${comment.user.login} commented on #${issue.number}`),
    on(pullRequestOpened, (opened) => `pull request #${opened.number} opened: ${opened.pull_request.title}`),
    on(starred, ({ sender }) => `a star from ${sender.login}`),
    on(releasePublished, ({ release }) => {
      if (release.name) return `release '${release.name}'`;
      if (mended) return `release ${release.tag_name}`;
      throw fatal('The release has no name'); // no retry can help: on to the dead letters
    }),
  ]);

  async function work(delivery: Delivery): Promise<string> {
    const { event } = delivery;
    const route = routes.get(event.type);
    const line = route === undefined ? event.type : await route(event);
    done(delivery);
    return line;
  }

  return {
    handler: (delivery) => {
      const duration = Math.ceil(chanceFor(seed, 'duration', delivery.event)() * LONGEST);
      return timer(duration).pipe(switchMap(() => work(delivery)));
    },
    mend() {
      mended = true;
    },
  };
}

/** The longest that the work for one event takes, in ms. */
const LONGEST = 6;

type Route = (event: Event) => Promise<string>;

/** Routes events of one type: their data are checked before `describe` sees them. */
function on<T>(definition: EventDefinition<unknown, T>, describe: (data: T) => string): [string, Route] {
  return [
    definition.type,
    async (event) => {
      const { data } = await definition.validate(event);
      return describe(data as T);
    },
  ];
}
