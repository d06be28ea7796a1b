/**
 * The committing side of group commit (DESIGN I8): many ingests' messages, one swap.
 *
 * A message is applied when the position it started from is the table's as of the messages before it, and its files fit
 * the base. Every other message is dropped, not kept: its sender still owes the rows and will notice. So a late,
 * doubled, poisoned or reordered message does no harm and blocks nothing.
 */
import { assert } from '../../base/assert.ts';
import { isLakeError } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { hasDynamicBuckets, parseTableOptions } from '../../format/table-options.ts';
import type { Committer } from '../../table/commit/commit.ts';
import {
  type BucketPlace,
  type CommitBase,
  type CommitOutcome,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
} from '../../table/commit/request.ts';
import { bucketKey } from '../../table/live-files.ts';
import { partitionTypes, type Table } from '../../table/table.ts';
import { addDeadLetterFiles } from '../ingest/dead-letter-list.ts';
import { loadState, stateOfBase, storeState } from '../ingest/load-state.ts';
import { watermarkOfState } from '../ingest/next-state.ts';
import type { IngestState } from '../ingest/state.ts';
import { storeOrigins } from '../ingest/stored-origins.ts';
import type { CommitMessage } from './commit-message.ts';
import { decideMessage, type MessageBase, type MessageProgress } from './decide-message.ts';

export type DroppedMessage = { readonly message: CommitMessage; readonly why: string };

export type ApplyOutcome = {
  readonly applied: readonly CommitMessage[];
  /** Of what was applied, which snapshot has it. */
  readonly commits: readonly AppliedCommit[];
  readonly dropped: readonly DroppedMessage[];
  /** Swaps that did not come about, for these messages: their senders, or another try, will see to it. */
  readonly failed: readonly { readonly messages: readonly CommitMessage[]; readonly outcome: FailedCommit }[];
};

export type AppliedCommit = { readonly snapshotId: number; readonly messages: readonly CommitMessage[] };

/** undefined: the store did not answer. */
export type FailedCommit = Exclude<CommitOutcome, { status: 'committed' | 'changed' }> | undefined;

export type ApplyOptions = { readonly commitUser: string; readonly signal?: AbortSignal | undefined };

type Sorted = { readonly applied: CommitMessage[]; readonly dropped: DroppedMessage[]; readonly state: IngestState };

/** Commits what fits of the messages of one table, in their order, with one swap where that is possible. */
export async function applyMessages(
  table: Table,
  committer: Committer,
  messages: readonly CommitMessage[],
  options: ApplyOptions,
): Promise<ApplyOutcome> {
  let sorted: Sorted | undefined;
  const refused = new Map<CommitMessage, string>();
  const plan = async (base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> => {
    // What one base refuses every later one does: numbers, schemas and time only go up.
    if (again !== undefined) refuse(messages, base, again, refused);
    const result = await sortMessages(table, base, messages, refused);
    if (result === 'stale') return commitStop('changed', 'the base is older than the first rows from the log');
    sorted = result;
    if (sorted.applied.length === 0) return commitStop('changed', 'no message fits');
    return planOf(table, base, sorted);
  };
  const request = { commitUser: options.commitUser, commitIdentifier: batchCommitIdentifier, signal: options.signal };
  const outcome = await committer.commit({ ...request, plan });
  const { applied, dropped } = sorted ?? { applied: [], dropped: [] };
  switch (outcome.status) {
    case 'committed':
      return { applied, commits: [{ snapshotId: outcome.snapshot.id, messages: applied }], dropped, failed: [] };
    case 'changed':
      return { ...nothing, dropped, failed: [] };
    case 'conflict':
      // One of them cannot be had on this base. It must not cost the others.
      if (outcome.rule !== 'S4') {
        return applyHalves(table, committer, applied, { dropped, why: outcome.detail, options });
      }
      return { ...nothing, dropped, failed: [{ messages: applied, outcome }] };
    default:
      return { ...nothing, dropped, failed: [{ messages: applied, outcome }] };
  }
}

const nothing = { applied: [], commits: [] } as const;

async function applyHalves(
  table: Table,
  committer: Committer,
  messages: readonly CommitMessage[],
  context: {
    readonly dropped: readonly DroppedMessage[];
    /** Why they cannot be had together. */
    readonly why: string;
    readonly options: ApplyOptions;
  },
): Promise<ApplyOutcome> {
  const { dropped, why, options } = context;
  if (messages.length === 1) {
    return { ...nothing, dropped: [...dropped, ...messages.map(message => ({ message, why }))], failed: [] };
  }
  const middle = messages.length >> 1;
  const first = await applyMessages(table, committer, messages.slice(0, middle), options);
  const second = await applyMessages(table, committer, messages.slice(middle), options);
  return {
    applied: [...first.applied, ...second.applied],
    commits: [...first.commits, ...second.commits],
    dropped: [...dropped, ...first.dropped, ...second.dropped],
    failed: [...first.failed, ...second.failed],
  };
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
): Promise<Sorted | 'stale'> {
  // Which log the table follows is for ingest to change, which has just seen it: a message may be of a former one.
  const known = await loadState(table, base.properties);
  const started = await stateOfBase(table, base, known?.incarnation ?? messages[0]?.incarnation ?? '');
  if (started === 'stale') return started;
  const facts = messageBase(table, base);
  let progress: MessageProgress = { state: started, floors: new Map(), fileNames: new Set() };
  const applied: CommitMessage[] = [];
  const dropped: DroppedMessage[] = [];
  for (const message of messages) {
    const refusal = refused.get(message);
    if (refusal !== undefined) {
      dropped.push({ message, why: refusal });
      continue;
    }
    let decision = decideMessage(message, facts, progress);
    if (decision.kind === 'look') {
      progress = { ...progress, floors: await withFloors(base, progress.floors, decision.at) };
      decision = decideMessage(message, facts, progress);
    }
    assert(decision.kind !== 'look', 'every floor that was asked for is known');
    if (decision.kind === 'drop') {
      dropped.push({ message, why: decision.why });
      continue;
    }
    progress = decision.next;
    applied.push(message);
  }
  return { applied, dropped, state: progress.state };
}

function messageBase(table: Table, base: CommitBase): MessageBase {
  const { schema } = base;
  const types = partitionTypes(schema);
  const { bucket: bucketCount } = parseTableOptions(schema);
  return {
    tableId: table.id,
    storeTimeMs: base.storeTimeMs,
    schemaId: schema.id,
    bucketCount: hasDynamicBuckets(schema) ? undefined : bucketCount,
    isUnordered: schema.primaryKeys.length === 0 && bucketCount <= 0,
    isPartition: bytes => isPartition(bytes, types),
  };
}

async function withFloors(
  base: CommitBase,
  floors: ReadonlyMap<string, bigint>,
  places: readonly BucketPlace[],
): Promise<ReadonlyMap<string, bigint>> {
  const known = new Map(floors);
  for (const place of places) known.set(bucketKey(place), await base.sequenceFloor(place));
  return known;
}

function isPartition(bytes: Uint8Array, types: ReturnType<typeof partitionTypes>): boolean {
  try {
    deserializeRow(bytes, types);
    return true;
  } catch (error) {
    if (isLakeError(error)) return false;
    throw error;
  }
}

async function planOf(table: Table, base: CommitBase, { applied, state }: Sorted): Promise<CommitPlan> {
  const letters = applied.flatMap(({ deadLetters, uploadBeganMs }) =>
    deadLetters.map(file => ({ file, upload: { name: file.name, uploadBeganMs } })),
  );
  const files = letters.map(({ file }) => file);
  const to = { listName: state.deadLetters, base };
  const list = letters.length === 0 ? undefined : await addDeadLetterFiles(table, to, files);
  const [stored, origins] = await Promise.all([
    storeState(table, { ...state, deadLetters: list?.listName ?? state.deadLetters }),
    storeOrigins(table, new Map(applied.flatMap(message => [...message.origins]))),
  ]);
  return commitPlan({
    kind: 'APPEND',
    schemaId: Math.max(...applied.map(message => message.schemaId)),
    adds: applied.flatMap(message => message.files),
    changelog: applied.flatMap(message => message.changelog),
    watermark: watermarkOfState(state, base.schema),
    properties: { ...stored.properties, ...origins.properties },
    uploads: [...stored.uploads, ...origins.uploads, ...letters.map(({ upload }) => upload), ...(list?.uploads ?? [])],
  });
}
