import { beforeAll, describe, expect, it } from 'vitest';
import { fencesOf, pages } from './pages.ts';
import { snippetsOf, typeErrors, writeSnippets } from './snippets.ts';

const snippets = snippetsOf(pages());

describe('the TypeScript of the pages', () => {
  beforeAll(() => writeSnippets(snippets));

  it('is fenced as ts, so that none of it goes unseen', () => {
    const strange = pages()
      .flatMap(fencesOf)
      .filter(({ info }) => !/^(?:ts|ts fragment|ts foreign|sh|json|text)$/.test(info));

    expect(strange.map(({ path, line, info }) => `${path}:${line - 1}: \`\`\`${info}`)).toEqual([]);
    expect(snippets.length).toBeGreaterThan(30);
  });

  it('type-checks', { timeout: 60_000 }, () => {
    expect(typeErrors(snippets)).toEqual([]);
  });

  // Those that need a server run in nats-snippets.integration.test.ts.
  it.each(snippets.filter(({ fragment, needsNats }) => !fragment && !needsNats))(
    'runs to its end: $name',
    async ({ file }) => {
      await import(file);
    },
  );
});
