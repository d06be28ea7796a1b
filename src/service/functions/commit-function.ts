/** The commit function: commit messages of many ingests, one swap a table (DESIGN I8). */
import {
  type AppliedMessages,
  applyCommitEvent,
  type CommitApplier,
  openCommitApplier,
} from '../../flow/group-commit/commit-event.ts';
import { type Metered, meteredInvocation, openFunctionParts } from './function-parts.ts';
import { type BatchAnswer, batchAnswer, checkStream, type ShardRecords } from './kinesis-event.ts';
import type { Report } from './telemetry.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

const margins = { finishMs: 10_000, answerMs: 2_000 };

export type CommitFigures = {
  readonly applied: number;
  readonly dropped: number;
  readonly unreadable: number;
  /** Swaps that another's won. */
  readonly lostSwaps: number;
  readonly failures: readonly string[];
  readonly tables: readonly AppliedMessages[];
};

export type CommitParts = CommitApplier &
  Metered & {
    /** Address of the commit log; undefined: nobody says. */
    readonly commitLog?: string | undefined;
  };

export async function openCommitFunction(): Promise<CommitParts> {
  const parts = await openFunctionParts('commit');
  const { metering, purpose } = parts;
  return { ...openCommitApplier(parts), metering, purpose, commitLog: parts.settings.commitLog };
}

/**
 * Commits what fits; what could not be tried for reasons of the moment comes again.
 *
 * @throws LakeError `invalid` LAKE_BAD_EVENT when it is of another stream
 */
export async function applyCommits(
  parts: CommitParts,
  batches: readonly ShardRecords[],
  context: InvocationContext,
): Promise<{ readonly answer: BatchAnswer; readonly figures: CommitFigures }> {
  checkStream(batches, parts.commitLog);
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const heldAt: (bigint | undefined)[] = [];
  const failures: string[] = [];
  const tables: AppliedMessages[] = [];
  const figures = { applied: 0, dropped: 0, unreadable: 0, lostSwaps: 0, failures, tables };
  for (const batch of batches) {
    const result = await applyCommitEvent(parts, { ...batch, signal: limit.signal, spans: context.spans });
    tables.push(...result.tables);
    heldAt.push(result.heldAt);
    figures.unreadable += result.unreadable.length;
    for (const { applied, dropped, isDropped, error, tableName, lostSwaps } of result.tables) {
      figures.lostSwaps += lostSwaps;
      figures.applied += applied.length;
      figures.dropped += dropped.length + (isDropped ? 1 : 0);
      if (error !== undefined) figures.failures.push(`${tableName}: ${error.code}: ${error.message}`);
    }
  }
  return { answer: batchAnswer(heldAt), figures };
}

/** Tables that a line names, at most; and messages of a commit. */
const tablesToldMax = 50;
const messagesToldMax = 50;

/** What an invocation says of itself: among it, for each commit, which messages came into which snapshot. */
export function commitReport({ tables, ...figures }: CommitFigures): Report {
  return {
    fields: { ...figures, tables: tables.slice(0, tablesToldMax).map(tableFields), tableCount: tables.length },
    metrics: {
      CommitConflicts: figures.lostSwaps,
      FailedTables: figures.failures.length,
      UnreadableRecords: figures.unreadable,
    },
    hasTrouble: figures.failures.length > 0 || figures.unreadable > 0,
  };
}

function tableFields({ tableName, commits, dropped }: AppliedMessages): object {
  return {
    table: tableName,
    commits: commits.map(({ snapshotId, messages }) => ({
      snapshotId,
      messages: messages.slice(0, messagesToldMax).map(({ position, message: { shardId, from, to } }) => ({
        position: position.toString(),
        shard: shardId,
        from: from?.toString(),
        to: to.position.toString(),
      })),
      messageCount: messages.length,
    })),
    dropped: [...new Set(dropped.map(({ why }) => why))].slice(0, messagesToldMax),
  };
}
