/**
 * The door `tidelake/storage`: the ports that everything Tidelake keeps goes through, how to open the drivers it has, and
 * the wrappers for tests of what is above a store. Who writes a driver of their own runs the suites
 * `object-store.conformance.ts` and `log-store.conformance.ts` beside the ports against it; they need vitest and are not
 * part of this door.
 */
export { LakeError, type LakeErrorCode, type LakeErrorKind } from '../base/errors.ts';
export { probeConditionalPut } from './conditional-put-probe.ts';
export { type CountingLogStore, countingLogStore } from './counting-log-store.ts';
export {
  type CountingObjectStore,
  countingObjectStore,
  type ObjectStoreCounts,
} from './counting-object-store.ts';
export { type FaultyLogStore, faultyLogStore, randomLogFaults, scriptedLogFaults } from './faulty-log-store.ts';
export {
  type FaultPlan,
  type FaultRequest,
  type FaultShares,
  type FaultyObjectStore,
  faultyObjectStore,
  randomFaults,
  type ScriptedFault,
  type StoreFault,
  scriptedFaults,
} from './faulty-object-store.ts';
export type { Durability } from './local/local-directories.ts';
export type { LocalStoreSettings } from './local/local-object-store.ts';
export type * from './log-store.ts';
export type * from './object-store.ts';
export { type LogStoreSettings, openLogStore } from './open-log-store.ts';
export { type ObjectStoreSettings, openObjectStore, type ProbeChoice } from './open-object-store.ts';
export { prefixedObjectStore } from './prefixed-object-store.ts';
export type { S3Credentials, S3StoreSettings } from './s3/s3-settings.ts';
export { waitForMore } from './wait-for-more.ts';
export type { ObjectStoreOperation } from './watched-object-store.ts';
