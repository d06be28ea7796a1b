/**
 * Group commit of messages that an invoker hands over, from one shard of the commit log (DESIGN I8).
 *
 * It needs no promise of the invoker: a message that comes late, twice or never is its sender's to send again. What is
 * held back here only makes it sooner.
 */
import { present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { isLakeError, type LakeError } from '../../base/errors.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { type RegistryParts, TableRegistry } from '../table-registry.ts';
import { type ApplyOutcome, applyMessages } from './apply-messages.ts';
import { type CommitMessage, decodeCommitMessage } from './commit-message.ts';

/** What a process keeps between batches. */
export type CommitApplier = RegistryParts &
  AsyncDisposable & { readonly registry: TableRegistry; readonly commitUser: string };

export type CommitBatch = {
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

export type AppliedMessages = ApplyOutcome & {
  readonly tableName: string;
  /** There is no such table any more. */
  readonly isDropped: boolean;
  readonly error: LakeError | undefined;
};

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
    applyToTable(parts, group, batch.signal),
  );
  const failed = new Set(tables.flatMap(table => table.failed.flatMap(part => part.messages)));
  const heldAt = messages.find(({ message }) => failed.has(message))?.position;
  return { tables, unreadable, heldAt };
}

async function applyToTable(
  { registry, commitUser }: CommitApplier,
  group: readonly Positioned[],
  signal: AbortSignal | undefined,
): Promise<AppliedMessages> {
  const messages = group.map(({ message }) => message);
  const { tableId, tableName } = present(messages[0], 'a message');
  const newest = Math.max(...messages.map(({ schemaId }) => schemaId));
  try {
    const opened = await registry.findFor(tableId, tableName, newest);
    if (opened === undefined)
      return { applied: [], dropped: [], failed: [], tableName, isDropped: true, error: undefined };
    const outcome = await applyMessages(opened.table, opened.committer, messages, { commitUser, signal });
    if (outcome.failed.some(part => part.outcome?.status === 'fenced')) await registry.forget(tableId);
    return { ...outcome, tableName, isDropped: false, error: undefined };
  } catch (error) {
    if (!isLakeError(error)) throw error;
    // What another try may mend is held; the rest (a corrupt table) is its senders' to report.
    const failed = error.kind === 'unavailable' ? [{ messages, outcome: undefined }] : [];
    return { applied: [], dropped: [], failed, tableName, isDropped: false, error };
  }
}
