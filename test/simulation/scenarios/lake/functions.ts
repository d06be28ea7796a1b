/** The functions that an event source calls: ingest that swaps by itself or by message, and the commit function. */
import { applyCommitEvent, openCommitApplier } from '../../../../src/flow/group-commit/commit-event.ts';
import { ingestEvent, openEventIngest } from '../../../../src/flow/ingest/ingest-event.ts';
import type { LakeBench } from './bench.ts';
import { EventSource } from './event-source.ts';

/** @param options `byMessage`: commits are made by the commit function */
export function ingestFunction(bench: LakeBench, options: { readonly byMessage: boolean }): Promise<void> {
  const source = new EventSource(bench, 'ingest', bench.serviceLog, process => {
    const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
    const ingest = openEventIngest({
      ...parts,
      commitLog: options.byMessage ? bench.commitLogStore(process) : undefined,
    });
    return async ({ shardId, envelopes, deadlineMs }) => {
      const result = await ingestEvent(ingest, { shardId, envelopes, deadlineMs });
      for (const { status, lostShards } of result.tables) {
        bench.count(`ingest ${status}`);
        bench.world.check(lostShards.length === 0, 'a shard is said to have lost records, and nothing was dropped');
      }
      return result.heldAt;
    };
  });
  return source.run();
}

export function commitFunction(bench: LakeBench): Promise<void> {
  const source = new EventSource(bench, 'commit', bench.commitLog, process => {
    const applier = openCommitApplier(bench.world.parts(process));
    return async ({ shardId, envelopes }) => {
      const { tables, heldAt } = await applyCommitEvent(applier, { shardId, envelopes });
      for (const { applied, dropped, failed } of tables) {
        bench.count('messages applied', applied.length);
        bench.count('messages dropped', dropped.length);
        bench.count('messages failed', failed.length);
      }
      return heldAt;
    };
  });
  return source.run();
}
