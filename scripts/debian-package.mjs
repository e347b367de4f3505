// Takes one file out of a package of a Debian release, on any machine whose apt knows a Debian archive. Nothing is
// installed and apt's own lists are not touched: lists and package go into a folder given by the caller.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** The releases that a source may name for its address to be that of the whole archive. */
const releases =
  /^(bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)(-updates|-backports)?$/;

/** The archive that this machine's apt gets Debian from: `{ uri, signedBy }`, or undefined. */
export function debianArchive(folder = '/etc/apt') {
  return readSources(folder).find(
    ({ suites, components }) => suites.some((suite) => releases.test(suite)) && components.includes('main'),
  );
}

/** Downloads a package of a release and unpacks it: the path of `file`, as the package has it. */
export async function unpackDebianPackage({ archive, release, name, file, folder }) {
  for (const path of ['lists/partial', 'archives/partial', 'none']) mkdirSync(join(folder, path), { recursive: true });
  const list = join(folder, 'release.list');
  const options = archive.signedBy ? `[signed-by=${archive.signedBy}] ` : '';
  writeFileSync(list, `deb ${options}${archive.uri} ${release} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': join(folder, 'none'),
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': folder,
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    // apt would otherwise call an update that fetched nothing a success.
    'APT::Update::Error-Mode': 'any',
    // The one download is checked by its hash, and may lie where only its owner can read.
    'APT::Sandbox::User': 'root',
  };
  const apt = Object.entries(settings).map(([key, value]) => `-o${key}=${value}`);

  await command('apt-get', ['-qq', ...apt, 'update'], folder);
  await command('apt-get', ['-qq', ...apt, 'download', name], folder);
  const archiveFile = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
  await command('dpkg', ['-x', archiveFile, 'unpacked'], folder);
  return join(folder, 'unpacked', file);
}

/** Fails with what the command complained of, and not with the whole of what it said. */
async function command(name, args, cwd) {
  try {
    await exec(name, args, { cwd, timeout: 180_000 });
  } catch (error) {
    const said = `${error.stderr ?? ''}`.split('\n').filter((line) => /^E:|error/i.test(line));
    throw new Error(`${name}: ${said[0] ?? (error.killed ? 'timed out' : error.message)}`, { cause: error });
  }
}

/** What apt is told to look at, in both of its formats. */
function readSources(folder) {
  const parts = join(folder, 'sources.list.d');
  const paths = [join(folder, 'sources.list'), ...listFolder(parts).map((name) => join(parts, name))];
  return paths.flatMap((path) => {
    if (path.endsWith('.list')) return readFile(path).split('\n').flatMap(parseLine);
    if (path.endsWith('.sources'))
      return readFile(path)
        .split(/\n\s*\n/)
        .flatMap(parseStanza);
    return [];
  });
}

/** `deb [signed-by=KEYRING] URI SUITE COMPONENT…` */
function parseLine(line) {
  const [, options = '', uri, suite, components] =
    line.match(/^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/) ?? [];
  if (uri === undefined) return [];
  const signedBy = options.match(/signed-by=(\S+)/i)?.[1];
  return [{ uri, suites: [suite], components: words(components), signedBy }];
}

/** The fields of a deb822 stanza; a line that starts with a blank goes on with the field before it. */
function parseStanza(text) {
  const fields = {};
  let last = '';
  for (const line of text.split('\n')) {
    const [, name, value = line] = line.match(/^([A-Za-z][\w-]*):(.*)/) ?? [];
    if (line.startsWith('#') || (name === undefined && !/^\s/.test(line))) continue;
    last = name?.toLowerCase() ?? last;
    fields[last] = `${fields[last] ?? ''} ${value}`.trim();
  }
  if (!words(fields.types).includes('deb') || fields.enabled === 'no') return [];
  // A key that stands in the stanza itself cannot stand in the options of a line.
  const signedBy = fields['signed-by']?.startsWith('/') ? fields['signed-by'] : undefined;
  const suites = words(fields.suites);
  return words(fields.uris).map((uri) => ({ uri, suites, components: words(fields.components), signedBy }));
}

function words(text = '') {
  return text.split(/\s+/).filter(Boolean);
}

function readFile(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listFolder(path) {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}
