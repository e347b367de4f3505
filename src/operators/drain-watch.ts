/** Knows which of the transports that deliveries come from have begun to drain. */
export interface DrainWatch {
  isDraining(draining: AbortSignal): boolean;
  stop(): void;
}

/** Makes a watch that tells of each transport, by its signal, when it begins to drain. */
export function drainWatch(begun: (draining: AbortSignal) => void): DrainWatch {
  const listeners = new Map<AbortSignal, () => void>();
  /** The one that was asked about last, and whether it is aborted: asking a signal itself each time would be slow. */
  let last: AbortSignal | undefined;
  let isAborted = false;

  function watch(draining: AbortSignal): void {
    last = draining;
    isAborted = draining.aborted;
    if (isAborted || listeners.has(draining)) return;
    const listener = () => {
      isAborted = last?.aborted === true;
      begun(draining);
    };
    listeners.set(draining, listener);
    draining.addEventListener('abort', listener, { once: true });
  }

  return {
    isDraining(draining) {
      if (draining !== last) watch(draining);
      return isAborted;
    },
    stop() {
      for (const [draining, listener] of listeners) draining.removeEventListener('abort', listener);
    },
  };
}
