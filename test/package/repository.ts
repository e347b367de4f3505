import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of this repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** One subpath of package.json's `exports`; `./package.json` is a bare string. */
export type Entry = string | Readonly<Record<'millrace:source' | 'types' | 'default', string>>;

export interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, Entry>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

export function readManifest(): Manifest {
  return JSON.parse(read('package.json')) as Manifest;
}

/** Every file below a folder with the given ending, as paths from the root with forward slashes. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith(ending))
    .sort();
}

/** The subpaths that are modules, by the specifier that imports them: `millrace`, `millrace/memory`, ... */
export function modulesOf({ exports }: Manifest): Map<string, Exclude<Entry, string>> {
  const modules = new Map<string, Exclude<Entry, string>>();
  for (const [subpath, entry] of Object.entries(exports)) {
    if (typeof entry !== 'string') modules.set(subpath.replace('.', 'millrace'), entry);
  }
  return modules;
}
