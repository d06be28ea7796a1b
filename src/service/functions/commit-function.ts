/** The commit function: commit messages of many ingests, one swap a table (DESIGN I8). */
import { applyCommitEvent, type CommitApplier, openCommitApplier } from '../../flow/group-commit/commit-event.ts';
import { type Metered, meteredInvocation, openFunctionParts } from './function-parts.ts';
import { type BatchAnswer, batchAnswer, type ShardRecords } from './kinesis-event.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

const margins = { finishMs: 10_000, answerMs: 2_000 };

export type CommitFigures = {
  readonly applied: number;
  readonly dropped: number;
  readonly unreadable: number;
  readonly failures: readonly string[];
};

export async function openCommitFunction(): Promise<CommitApplier & Metered> {
  const parts = await openFunctionParts('commit');
  const { metering, purpose } = parts;
  return { ...openCommitApplier(parts), metering, purpose };
}

/** Commits what fits; what could not be tried for reasons of the moment comes again. */
export async function applyCommits(
  parts: CommitApplier & Metered,
  batches: readonly ShardRecords[],
  context: InvocationContext,
): Promise<{ readonly answer: BatchAnswer; readonly figures: CommitFigures }> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const heldAt: (bigint | undefined)[] = [];
  const figures = { applied: 0, dropped: 0, unreadable: 0, failures: [] as string[] };
  for (const batch of batches) {
    const result = await applyCommitEvent(parts, { ...batch, signal: limit.signal });
    heldAt.push(result.heldAt);
    figures.unreadable += result.unreadable.length;
    for (const { applied, dropped, isDropped, error, tableName } of result.tables) {
      figures.applied += applied.length;
      figures.dropped += dropped.length + (isDropped ? 1 : 0);
      if (error !== undefined) figures.failures.push(`${tableName}: ${error.code}: ${error.message}`);
    }
  }
  return { answer: batchAnswer(heldAt), figures };
}
