/** Sums up stretches of time. */
export interface Stopwatch {
  start(): void;
  stop(): void;
  /** Real time, and the processor's: the two are far apart where others use the machine. */
  elapsed(): { readonly elapsedMs: number; readonly cpuMs: number };
}

export function stopwatch(): Stopwatch {
  let elapsedMs = 0;
  let cpuMs = 0;
  let startedAt = 0;
  let cpuAtStart = process.cpuUsage();

  return {
    start() {
      cpuAtStart = process.cpuUsage();
      startedAt = performance.now();
    },
    stop() {
      elapsedMs += performance.now() - startedAt;
      const { user, system } = process.cpuUsage(cpuAtStart);
      cpuMs += (user + system) / 1_000;
    },
    elapsed: () => ({ elapsedMs, cpuMs }),
  };
}
