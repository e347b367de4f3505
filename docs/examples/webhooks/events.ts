// What this example knows of GitHub's events: the types that it gives a schema, and the address of every type.
//
// Names follow CloudEvents' own mapping for GitHub, https://github.com/cloudevents/spec/blob/main/cloudevents/adapters/github.md:
// type 'com.github.<event>.<action>', and the repository as the source.
import { defineEvent, type Event, type EventDefinition } from 'millrace';
import { z } from 'zod';

export interface FromRepository {
  readonly repository: { readonly full_name: string; readonly html_url: string };
}

export interface Push extends FromRepository {
  readonly ref: string;
  readonly commits: readonly { readonly message: string }[];
}

export interface IssueOpened extends FromRepository {
  readonly issue: { readonly number: number; readonly title: string };
}

export interface IssueCommented extends FromRepository {
  readonly issue: { readonly number: number };
  readonly comment: { readonly user: { readonly login: string } };
}

export interface PullRequestOpened extends FromRepository {
  readonly number: number;
  readonly pull_request: { readonly title: string; readonly draft: boolean };
}

export interface ReleasePublished extends FromRepository {
  readonly release: { readonly tag_name: string; readonly name: string | null };
}

export interface Starred extends FromRepository {
  readonly sender: { readonly login: string };
}

// Loose objects: what a schema does not name is not checked, and travels on all the same.
const repository = z.looseObject({ full_name: z.string(), html_url: z.url() });
const user = z.looseObject({ login: z.string() });

/** What all of them have in common: where they come from, and whose order they keep. */
const fromRepository = {
  source: (payload: FromRepository) => payload.repository.html_url,
  partitionKey: (payload: FromRepository) => payload.repository.full_name,
};

// `unknown` is what they are made from: a payload comes from outside, and the schema decides whether it is one.

export const pushed: EventDefinition<unknown, Push> = defineEvent({
  type: 'com.github.push',
  schema: z.looseObject({ repository, ref: z.string(), commits: z.array(z.looseObject({ message: z.string() })) }),
  subject: ({ ref }) => ref,
  ...fromRepository,
});

export const issueOpened: EventDefinition<unknown, IssueOpened> = defineEvent({
  type: 'com.github.issues.opened',
  schema: z.looseObject({ repository, issue: z.looseObject({ number: z.int(), title: z.string() }) }),
  subject: ({ issue }) => String(issue.number),
  ...fromRepository,
});

export const issueCommented: EventDefinition<unknown, IssueCommented> = defineEvent({
  type: 'com.github.issue_comment.created',
  schema: z.looseObject({
    repository,
    issue: z.looseObject({ number: z.int() }),
    comment: z.looseObject({ user }),
  }),
  subject: ({ issue }) => String(issue.number),
  ...fromRepository,
});

export const pullRequestOpened: EventDefinition<unknown, PullRequestOpened> = defineEvent({
  type: 'com.github.pull_request.opened',
  schema: z.looseObject({
    repository,
    number: z.int(),
    pull_request: z.looseObject({ title: z.string(), draft: z.boolean() }),
  }),
  subject: ({ number }) => String(number),
  ...fromRepository,
});

export const releasePublished: EventDefinition<unknown, ReleasePublished> = defineEvent({
  type: 'com.github.release.published',
  schema: z.looseObject({
    repository,
    release: z.looseObject({ tag_name: z.string(), name: z.string().nullable() }),
  }),
  subject: ({ release }) => release.tag_name,
  ...fromRepository,
});

export const starred: EventDefinition<unknown, Starred> = defineEvent({
  type: 'com.github.star.created',
  schema: z.looseObject({ repository, sender: user }),
  ...fromRepository,
});

export const definitions: readonly EventDefinition<unknown, unknown>[] = [
  pushed,
  issueOpened,
  issueCommented,
  pullRequestOpened,
  releasePublished,
  starred,
];

/** The address of an event: its type without 'com.', as in 'github.issues.opened'. */
export function addressOf(event: Event): string {
  return event.type.slice('com.'.length);
}

/** The lane of an event: its repository, or else its organization. `undefined` where it has neither: then it waits for none. */
export function laneOf(event: Event): string | undefined {
  return event['partitionkey'] as string | undefined;
}

/** The number of an event, in the order in which they are sent; from 0. */
export function numberOf(event: Event): number {
  return Number(event['sequence']);
}
