import { defineConfig, type ViteUserConfig } from 'vitest/config';

// Tests import the package by its own name and get src: the condition is in package.json's exports. The rest are Vite's own.
const conditions = ['millrace:source', 'module', 'node', 'development|production'];

const integration = 'test/**/*.integration.test.ts';
const tarball = 'test/package/tarball.test.ts';

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    coverage: { include: ['src/**/*.ts'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [integration, tarball, 'test/bench/**'],
          testTimeout: 5_000,
        },
      },
      {
        // Only what stands in a *.test-d.ts counts here; `npm run types` checks every file.
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/**/*.test-d.ts'], ignoreSourceErrors: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: [integration],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          maxConcurrency: 20, // they wait more than they work
          // Real servers share the machine with their tests: these run after all others, and few files at a time, so that no
          // deadline passes for want of a turn.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: { name: 'package', include: [tarball], testTimeout: 60_000, hookTimeout: 180_000 },
      },
    ],
  },
});

export default config;
