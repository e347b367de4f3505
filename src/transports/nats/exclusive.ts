/** Throws a TypeError that names the first two options that are given though one alone can be. */
export function exclusive(given: Readonly<Record<string, unknown>>): void {
  const [first, second] = Object.keys(given).filter((name) => given[name] !== undefined);
  if (second !== undefined) throw new TypeError(`'${first}' and '${second}' exclude each other`);
}

/** Throws a TypeError where an option is given without one that it needs. */
export function needs(given: Readonly<Record<string, unknown>>, option: string, other: string): void {
  if (given[option] !== undefined && given[other] === undefined) {
    throw new TypeError(`'${option}' needs '${other}'`);
  }
}
