/**
 * The product's own deciders, as the worlds call them. A world takes them as a parameter, so that a guard can be taken away
 * by wrapping the decider that holds it (spec/guards.ts); nothing in the product knows of that.
 */
import { decideMessage } from '../src/flow/group-commit/decide-message.ts';
import { decideTake, isRepeated, movedShard } from '../src/flow/ingest/decide-take.ts';
import { nextState } from '../src/flow/ingest/next-state.ts';
import { owedShards } from '../src/flow/ingest/read-owed.ts';
import { pickCompaction, pickFullCompaction } from '../src/lsm/compaction-picker.ts';
import { planUnit } from '../src/lsm/compaction-plan.ts';
import { decideExpiry, decidePutBack } from '../src/maintenance/decide-expiry.ts';
import { isOrphan, orphanCutoffMs, rootsEqual } from '../src/maintenance/decide-orphans.ts';
import { filesRemovedBy, withoutNeeded } from '../src/maintenance/decide-removal.ts';
import { baseIsStale, decideBase } from '../src/table/commit/decide-base.ts';
import { chainOf } from '../src/table/commit/decide-chain.ts';
import { decideGuards } from '../src/table/commit/decide-guards.ts';
import { decideSettle, isPrompt } from '../src/table/commit/decide-settle.ts';
import { pinIsSeen } from '../src/table/expiry-record.ts';

export type Deciders = {
  readonly owedShards: typeof owedShards;
  readonly nextState: typeof nextState;
  readonly movedShard: typeof movedShard;
  readonly isRepeated: typeof isRepeated;
  readonly decideTake: typeof decideTake;
  readonly decideMessage: typeof decideMessage;
  readonly baseIsStale: typeof baseIsStale;
  readonly chainOf: typeof chainOf;
  readonly decideBase: typeof decideBase;
  readonly decideExpiry: typeof decideExpiry;
  readonly decideGuards: typeof decideGuards;
  readonly decidePutBack: typeof decidePutBack;
  readonly decideSettle: typeof decideSettle;
  readonly filesRemovedBy: typeof filesRemovedBy;
  readonly isOrphan: typeof isOrphan;
  readonly isPrompt: typeof isPrompt;
  readonly orphanCutoffMs: typeof orphanCutoffMs;
  readonly pickCompaction: typeof pickCompaction;
  readonly pickFullCompaction: typeof pickFullCompaction;
  readonly pinIsSeen: typeof pinIsSeen;
  readonly planUnit: typeof planUnit;
  readonly rootsEqual: typeof rootsEqual;
  readonly withoutNeeded: typeof withoutNeeded;
};

export const productDeciders: Deciders = {
  owedShards,
  nextState,
  movedShard,
  isRepeated,
  decideTake,
  decideMessage,
  baseIsStale,
  chainOf,
  decideBase,
  decideExpiry,
  decideGuards,
  decidePutBack,
  decideSettle,
  filesRemovedBy,
  isOrphan,
  isPrompt,
  orphanCutoffMs,
  pickCompaction,
  pickFullCompaction,
  pinIsSeen,
  planUnit,
  rootsEqual,
  withoutNeeded,
};
