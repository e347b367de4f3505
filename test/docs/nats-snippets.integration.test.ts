import { expect, it } from 'vitest';
import { testNatsServer } from '../support/nats/nats-server.ts';
import { describeOnLatestServer } from '../support/nats/servers.ts';
import { pages } from './pages.ts';
import { snippetsOf, writeForServer } from './snippets.ts';

const snippets = snippetsOf(pages()).filter(({ fragment, needsNats }) => needsNats && !fragment);

describeOnLatestServer('the TypeScript of the pages that needs NATS', (binary) => {
  it('is found', () => {
    expect(snippets.length).toBeGreaterThan(10);
  });

  // Each on a server of its own, so that all may call their stream SHOP.
  it.each(snippets)('runs to its end: $name', async (snippet) => {
    const { url } = await testNatsServer({ binary });

    await import(writeForServer(snippet, url));
  });
});
