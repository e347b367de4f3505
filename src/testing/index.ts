export type { Anomalies, Anomaly, CheckOptions, HistoryReport } from './check-history.ts';
export type {
  ContractCase,
  ContractContext,
  ContractSubscription,
  ContractTransport,
  ProvisionOptions,
} from './contract/contract-case.ts';
export type { FakeDeliveries, FakeDeliveriesOptions, FakeDeliveryValues, LabelledCall } from './fake-deliveries.ts';
export {
  type FakeCall,
  type FakeDelivery,
  type FakeDeliveryInit,
  type FakeDeliveryOptions,
  fakeDelivery,
} from './fake-delivery.ts';
export {
  type CrashFault,
  type DelayFault,
  type FaultLog,
  type FaultOptions,
  type Faults,
  faults,
  type HandlerFaultOptions,
  InjectedFaultError,
  type ReorderFault,
} from './faults.ts';
export { formatHistory } from './format-history.ts';
export { type History, type HistoryOptions, history } from './history.ts';
export type { HistoryEntry } from './history-entry.ts';
export {
  type DiagramExpectation,
  type ExpectSettlementsOptions,
  type MarblesHelpers,
  type MarblesOptions,
  marbles,
} from './marbles.ts';
export { seededRandom } from './random.ts';
export { transportContract } from './transport-contract.ts';
export { type FlushOptions, type VirtualTime, type VirtualTimeOptions, virtualTime } from './virtual-time.ts';
