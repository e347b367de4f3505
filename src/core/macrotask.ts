type Macrotask = (work: () => void) => void;

/**
 * Runs `work` after every promise that can settle has settled: the host drains its microtasks before each macrotask.
 *
 * Taken from the host when this module is loaded, so that fake timers which a test installs later do not stand in its way.
 */
export const macrotask: Macrotask =
  typeof globalThis.setImmediate === 'function'
    ? globalThis.setImmediate
    : viaMessageChannel(globalThis.MessageChannel);

/** For hosts without `setImmediate`: browsers. Opens its channel on first use. */
function viaMessageChannel(Channel: typeof globalThis.MessageChannel): Macrotask {
  const waiting: (() => void)[] = [];
  let ring: (() => void) | undefined;

  function open(): () => void {
    const { port1, port2 } = new Channel();
    port1.addEventListener('message', () => waiting.shift()?.());
    port1.start();
    return () => port2.postMessage(undefined);
  }

  return (work) => {
    waiting.push(work);
    ring ??= open();
    ring();
  };
}
