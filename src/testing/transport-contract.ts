import type { ContractCase } from './contract/contract-case.ts';
import { demand } from './contract/demand.ts';
import { draining } from './contract/draining.ts';
import { listening } from './contract/listening.ts';
import { publishing } from './contract/publishing.ts';
import { querying } from './contract/querying.ts';
import { requesting } from './contract/requesting.ts';
import { responding } from './contract/responding.ts';
import { settling } from './contract/settling.ts';
import { starting } from './contract/starting.ts';
import { streaming } from './contract/streaming.ts';
import { subscribing } from './contract/subscribing.ts';

/**
 * Every promise that a transport makes, as data: hand each case to your own test runner, with a context of its own.
 *
 * @example
 * ```ts
 * for (const { name, requires = [], run } of transportContract) {
 *   it(name, async ({ skip, onTestFinished }) => {
 *     const context = await makeContext(); // a ContractContext: a new transport, an address of its own
 *     const missing = requires.find((capability) => !context.transport.capabilities[capability]);
 *     skip(missing !== undefined, `does not claim ${missing}`);
 *     onTestFinished(() => context.transport.drain({ grace: 0 }).subscribe());
 *     await run(context);
 *   });
 * }
 * ```
 */
export const transportContract: readonly ContractCase[] = [
  ...publishing,
  ...subscribing,
  ...settling,
  ...demand,
  ...starting,
  ...listening,
  ...requesting,
  ...querying,
  ...streaming,
  ...responding,
  ...draining,
];
