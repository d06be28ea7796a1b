/**
 * Group commit of messages that an invoker hands over, from one shard of the commit log (DESIGN I8).
 *
 * It needs no promise of the invoker: a message that comes late, twice or never is its sender's to send again. What is
 * held back here only makes it sooner.
 */
import { present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { isLakeError, type LakeError } from '../../base/errors.ts';
import { noSpans, type Spans } from '../../base/spans.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { type RegistryParts, TableRegistry } from '../table-registry.ts';
import { type ApplyOutcome, applyMessages } from './apply-messages.ts';
import { type CommitMessage, decodeCommitMessage } from './commit-message.ts';

/** What a process keeps between batches. */
export type CommitApplier = RegistryParts &
  AsyncDisposable & { readonly registry: TableRegistry; readonly commitUser: string };

export type CommitBatch = {
  /** Of the phase `commit`. */
  readonly spans?: Spans | undefined;
  readonly shardId: string;
  readonly envelopes: readonly LogRecordEnvelope[];
  readonly signal?: AbortSignal | undefined;
};

export type CommitBatchResult = {
  readonly tables: readonly AppliedMessages[];
  /** Records that are no commit messages; they are passed over. */
  readonly unreadable: readonly LakeError[];
  /** The first message whose commit failed for reasons of the moment: worth another try from here. */
  readonly heldAt: bigint | undefined;
};

export type AppliedMessages = Omit<ApplyOutcome, 'commits'> & {
  readonly tableName: string;
  readonly commits: readonly PositionedCommit[];
  /** Swaps that another's won. */
  readonly lostSwaps: number;
  /** There is no such table any more. */
  readonly isDropped: boolean;
  readonly error: LakeError | undefined;
};

/** A snapshot, and by their positions in this log the messages that it has. */
export type PositionedCommit = { readonly snapshotId: number; readonly messages: readonly Positioned[] };

type Positioned = { readonly position: bigint; readonly message: CommitMessage };

const tablesInParallelMax = 4;

export function openCommitApplier(parts: RegistryParts): CommitApplier {
  const registry = new TableRegistry(parts);
  const commitUser = `commit-${parts.random.uuid()}`;
  const { store, clock, random } = parts;
  return { store, clock, random, registry, commitUser, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

export async function applyCommitEvent(parts: CommitApplier, batch: CommitBatch): Promise<CommitBatchResult> {
  const messages: Positioned[] = [];
  const unreadable: LakeError[] = [];
  for (const { position, data } of batch.envelopes) {
    try {
      messages.push({ position, message: decodeCommitMessage(data, `${batch.shardId} ${position}`) });
    } catch (error) {
      if (!isLakeError(error)) throw error;
      unreadable.push(error);
    }
  }
  const byTable = Map.groupBy(messages, ({ message }) => message.tableId);
  const tables = await mapBounded([...byTable.values()], tablesInParallelMax, group =>
    applyToTable(parts, group, batch),
  );
  const failed = new Set(tables.flatMap(table => table.failed.flatMap(part => part.messages)));
  const heldAt = messages.find(({ message }) => failed.has(message))?.position;
  return { tables, unreadable, heldAt };
}

async function applyToTable(
  { registry, commitUser }: CommitApplier,
  group: readonly Positioned[],
  { signal, spans = noSpans, shardId }: CommitBatch,
): Promise<AppliedMessages> {
  const messages = group.map(({ message }) => message);
  const { tableId, tableName } = present(messages[0], 'a message');
  const newest = Math.max(...messages.map(({ schemaId }) => schemaId));
  const nothing = { tableName, applied: [], commits: [], dropped: [], lostSwaps: 0 };
  try {
    const opened = await registry.findFor(tableId, tableName, { schemaId: newest, columns: [] });
    if (opened === undefined) return { ...nothing, failed: [], isDropped: true, error: undefined };
    const { table, committer } = opened;
    const lostBefore = committer.lostSwaps;
    const outcome = await spans.run('commit', { table: tableName, shard: shardId }, async note => {
      const came = await applyMessages(table, committer, messages, { commitUser, signal });
      const last = came.commits.at(-1);
      if (last !== undefined) note({ snapshot: last.snapshotId });
      return came;
    });
    const lostSwaps = committer.lostSwaps - lostBefore;
    const commits = outcome.commits.map(({ snapshotId, messages: of }) => ({
      snapshotId,
      messages: group.filter(({ message }) => of.includes(message)),
    }));
    if (outcome.failed.some(part => part.outcome?.status === 'fenced')) await registry.forget(tableId);
    return { ...outcome, commits, lostSwaps, tableName, isDropped: false, error: undefined };
  } catch (error) {
    if (!isLakeError(error)) throw error;
    // What another try may mend is held; the rest (a corrupt table) is its senders' to report.
    const failed = error.kind === 'unavailable' ? [{ messages, outcome: undefined }] : [];
    return { ...nothing, failed, isDropped: false, error };
  }
}
