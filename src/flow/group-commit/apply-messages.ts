/**
 * The committing side of group commit (DESIGN I8): many ingests' messages, one swap.
 *
 * A message is applied when the position it started from is the table's as of the messages before it, and its files fit
 * the base. Every other message is dropped, not kept: its sender still owes the rows and will notice. So a late,
 * doubled, poisoned or reordered message does no harm and blocks nothing.
 */
import type { Committer } from '../../table/commit/commit.ts';
import { uploadAgeMsMax } from '../../table/commit/limits.ts';
import {
  type CommitBase,
  type CommitOutcome,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
} from '../../table/commit/request.ts';
import { bucketKey } from '../../table/live-files.ts';
import type { Table } from '../../table/table.ts';
import { batchCommitIdentifier } from '../../table/write/table-writer.ts';
import { addDeadLetterFiles } from '../ingest/dead-letters.ts';
import { loadState, markTakenFromLog, storeState } from '../ingest/load-state.ts';
import { addCounters, emptyState, type IngestState, rememberedProducers } from '../ingest/state.ts';
import type { CommitMessage } from './commit-message.ts';

export type ApplyOutcome = {
  readonly outcome: CommitOutcome | { readonly status: 'nothing-applied' };
  readonly applied: readonly CommitMessage[];
  readonly dropped: readonly { readonly message: CommitMessage; readonly why: string }[];
};

export type ApplyOptions = {
  readonly commitUser: string;
  readonly retentionMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Sorted = Pick<ApplyOutcome, 'applied' | 'dropped'> & { readonly state: IngestState };

const nothingFits = 'no message fits';

/** Commits what fits of the messages of one table, in their order, with one swap. */
export async function applyMessages(
  table: Table,
  committer: Committer,
  messages: readonly CommitMessage[],
  options: ApplyOptions,
): Promise<ApplyOutcome> {
  let sorted: Sorted | undefined;
  const refused = new Map<CommitMessage, string>();
  const plan = async (base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> => {
    if (again === undefined) refused.clear();
    else refuse(messages, base, again, refused);
    sorted = await sortMessages(table, base, messages, refused);
    if (sorted.applied.length === 0) return commitStop('changed', nothingFits);
    return planOf(table, base, sorted, options);
  };
  const outcome = await committer.commit({
    commitUser: options.commitUser,
    commitIdentifier: batchCommitIdentifier,
    signal: options.signal,
    plan,
  });
  if (outcome.status === 'committed')
    return { outcome, applied: sorted?.applied ?? [], dropped: sorted?.dropped ?? [] };
  const end = outcome.status === 'changed' ? ({ status: 'nothing-applied' } as const) : outcome;
  return { outcome: end, applied: [], dropped: sorted?.dropped ?? [] };
}

/** What the guards refuse costs the messages it came from, not the others. */
function refuse(
  messages: readonly CommitMessage[],
  base: CommitBase,
  again: PlanAgain,
  refused: Map<CommitMessage, string>,
): void {
  const files = new Set(again.files.map(({ file }) => file.fileName));
  for (const message of messages) {
    const isOld = again.reason === 'schema' && message.schemaId < base.schema.id;
    if (isOld || message.files.some(({ file }) => files.has(file.fileName))) refused.set(message, again.detail);
  }
}

async function sortMessages(
  table: Table,
  base: CommitBase,
  messages: readonly CommitMessage[],
  refused: ReadonlyMap<CommitMessage, string>,
): Promise<Sorted> {
  let state = await loadState(table, base.properties);
  const floors = new Map<string, bigint>();
  const applied: CommitMessage[] = [];
  const dropped: { message: CommitMessage; why: string }[] = [];
  for (const message of messages) {
    const why = refused.get(message) ?? (await misfit(base, message, state, floors));
    if (why !== undefined) {
      dropped.push({ message, why });
      continue;
    }
    for (const planned of message.files) raise(floors, bucketKey(planned), planned.file.maxSequenceNumber);
    state = stateAfter(state ?? emptyState(message.incarnation), message);
    applied.push(message);
  }
  return { applied, dropped, state: state ?? emptyState('') };
}

async function misfit(
  base: CommitBase,
  message: CommitMessage,
  state: IngestState | undefined,
  floors: ReadonlyMap<string, bigint>,
): Promise<string | undefined> {
  if (state !== undefined && state.incarnation !== message.incarnation) return 'it is of another log';
  const position = state?.shards.get(message.shardId)?.position;
  if (position !== message.from)
    return `shard ${message.shardId} is at ${position ?? 'nothing'}, it starts at ${message.from ?? 'nothing'}`;
  if (base.storeTimeMs - message.uploadBeganMs >= uploadAgeMsMax) return 'its files are too old (S7)';
  for (const planned of message.files) {
    const floor = floors.get(bucketKey(planned)) ?? (await base.sequenceFloor(planned));
    if (planned.file.minSequenceNumber <= floor) return `bucket ${planned.bucket} has numbers up to ${floor} (S6)`;
  }
  return undefined;
}

function stateAfter(state: IngestState, message: CommitMessage): IngestState {
  const { position, arrivalMs } = message.to;
  return {
    ...state,
    shards: new Map([...state.shards, [message.shardId, { position, row: 0, arrivalMs, ended: message.ended }]]),
    producers: new Map([...state.producers, ...message.producers]),
    counters: addCounters(state.counters, message.counters),
  };
}

async function planOf(table: Table, base: CommitBase, sorted: Sorted, options: ApplyOptions): Promise<CommitPlan> {
  if ((await loadState(table, base.properties)) === undefined) await markTakenFromLog(table);
  const letters = sorted.applied.flatMap(message => message.deadLetters);
  const list = letters.length === 0 ? undefined : await addDeadLetterFiles(table, sorted.state.deadLetters, letters);
  const nowMs = Math.max(0, ...[...sorted.state.shards.values()].map(shard => shard.arrivalMs));
  const stored = await storeState(table, {
    ...sorted.state,
    producers: rememberedProducers(sorted.state.producers, nowMs, options.retentionMs),
    deadLetters: list?.listName ?? sorted.state.deadLetters,
  });
  const oldest = sorted.applied.map(({ deadLetters, uploadBeganMs }) =>
    deadLetters.map(({ name }) => ({ name, uploadBeganMs })),
  );
  return commitPlan({
    kind: 'APPEND',
    schemaId: Math.max(...sorted.applied.map(message => message.schemaId)),
    adds: sorted.applied.flatMap(message => message.files),
    properties: stored.properties,
    uploads: [...stored.uploads, ...oldest.flat(), ...(list?.uploads ?? [])],
  });
}

function raise(floors: Map<string, bigint>, key: string, to: bigint): void {
  const floor = floors.get(key);
  if (floor === undefined || to > floor) floors.set(key, to);
}
