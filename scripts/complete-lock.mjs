// Completes a lock file that was written where the registry lacks the builds of some tool for other platforms: npm leaves
// those out, and then `npm ci` refuses the file everywhere. Adds them, by version and platform and without a checksum:
//   node scripts/complete-lock.mjs [package-lock.json]
import { readFileSync, writeFileSync } from 'node:fs';

const path = process.argv[2] ?? 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8'));
const { '': root, ...packages } = lock.packages;
const build =
  /-(?<os>android|darwin|freebsd|linux|openharmony|win32)-(?<cpu>arm64|arm|ia32|ppc64|riscv64|s390x|x64)-?(?<abi>gnu|musl)?/;

for (const { optionalDependencies = {}, engines, license } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (packages[`node_modules/${name}`]) continue;
    const { os, cpu, abi } = build.exec(name)?.groups ?? {};
    if (!os) throw new Error(`${name} does not say which platform it is for`);
    packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      dev: true,
      ...(os === 'linux' && abi && { libc: [abi === 'gnu' ? 'glibc' : 'musl'] }),
      license,
      optional: true,
      os: [os],
      engines,
    };
    console.error(`Added ${name}`);
  }
}

const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: { '': root, ...Object.fromEntries(sorted) } }, null, 2)}\n`);
