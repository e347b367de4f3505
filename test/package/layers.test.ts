import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, read } from './repository.ts';

/** What a file imports, by file. */
type Graph = ReadonlyMap<string, readonly string[]>;

/** Every room of src, and the rooms that it may import beside itself: DESIGN's list, top to bottom. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'index.ts': ['core', 'operators', 'patterns'],
  testing: ['patterns', 'operators', 'transports', 'core'],
  patterns: ['operators', 'core'],
  operators: ['core'],
  transports: ['core'],
  core: [],
};

describe('src', () => {
  const graph = graphOfSource();

  it('imports only downwards', () => {
    expect(breaches(graph)).toEqual([]);
  });

  it('has no import cycles, not even of types', () => {
    expect(findCycle(graph)).toEqual([]);
  });
});

describe('the check itself', () => {
  it('sees every kind of import, and no import in a comment or a string', () => {
    const text = [
      "import type { A } from './a.ts';",
      'import {',
      '  b,',
      "} from './b.ts';",
      "import './c.ts';",
      "export * from './d.ts';",
      "export { type E, e } from './e.ts';",
      "const f: import('./f.ts').F = await import('./g.ts');",
      "import h, * as i from './h.ts';",
      ' * import { noop } from "./comment.ts";',
      " * type X = import('./comment.ts').X;",
      "// import './comment.ts';",
      "export const text = 'from ./string.ts';",
    ].join('\n');

    expect(importsIn(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'h', 'f', 'g'].map((name) => `./${name}.ts`));
  });

  it('sees edges in src', () => {
    expect([...graphOfSource().values()].flat().length).toBeGreaterThan(10);
  });

  it.each([
    ['src/core/a.ts', 'src/operators/b.ts'],
    ['src/core/a.ts', 'src/index.ts'],
    ['src/operators/a.ts', 'src/transports/memory/b.ts'],
    ['src/transports/memory/a.ts', 'src/operators/b.ts'],
    ['src/transports/nats/a.ts', 'src/transports/memory/b.ts'],
    ['src/patterns/a.ts', 'src/testing/b.ts'],
    ['src/index.ts', 'src/transports/memory/b.ts'],
    ['src/attic/a.ts', 'src/core/b.ts'],
    ['src/core/a.ts', 'millrace'],
    ['src/core/a.ts', 'millrace/memory'],
  ])('refuses that %s imports %s', (from, to) => {
    expect(breaches(new Map([[from, [to]]]))).toEqual([`${from} imports ${to}`]);
  });

  it.each([
    ['src/core/a.ts', 'src/core/b.ts'],
    ['src/transports/nats/a.ts', 'src/transports/nats/b.ts'],
    ['src/testing/a.ts', 'src/transports/memory/b.ts'],
    ['src/core/a.ts', 'rxjs'],
  ])('allows that %s imports %s', (from, to) => {
    expect(breaches(new Map([[from, [to]]]))).toEqual([]);
  });

  it('finds a cycle', () => {
    const graph = new Map([
      ['a', ['b', 'c']],
      ['b', []],
      ['c', ['d']],
      ['d', ['a']],
    ]);

    expect(findCycle(graph)).toEqual(['a', 'c', 'd', 'a']);
  });
});

function graphOfSource(): Graph {
  return new Map(
    filesBelow('src', '.ts').map((file) => [
      file,
      importsIn(read(file)).map((specifier) =>
        specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : specifier,
      ),
    ]),
  );
}

/** The specifiers that a module imports, of types and of values. Biome's formatting is taken for granted. */
function importsIn(text: string): string[] {
  const code = text.replace(/^\s*(?:\/?\*|\/\/).*$/gm, '');
  const statements = code.matchAll(/^(?:import|export)\s+(?:[\w{*][^;'"=()]*?\sfrom\s+)?'([^']+)'/gm);
  const expressions = code.matchAll(/\bimport\(\s*'([^']+)'/g);
  return [...statements, ...expressions].map(([, specifier = '']) => specifier);
}

function breaches(graph: Graph): string[] {
  return [...graph].flatMap(([file, imports]) =>
    imports.filter((target) => !isAllowed(file, target)).map((target) => `${file} imports ${target}`),
  );
}

function isAllowed(file: string, target: string): boolean {
  if (!target.startsWith('src/')) return !/^millrace(?:\/|$)/.test(target);
  const [, room = '', transport] = file.split('/');
  const [, targetRoom = '', targetTransport] = target.split('/');
  if (!(room in rooms)) return false;
  if (room === targetRoom) return room !== 'transports' || transport === targetTransport;
  return rooms[room]?.includes(targetRoom) ?? false;
}

/** The files of one cycle, the first of them again at the end; empty when there is none. */
function findCycle(graph: Graph): string[] {
  const done = new Set<string>();

  function visit(file: string, path: readonly string[]): string[] {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return [];
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle.length > 0) return cycle;
    }
    done.add(file);
    return [];
  }

  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
