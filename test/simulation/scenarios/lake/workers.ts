/** Those who carry rows on: long-lived ingest, compaction, maintenance. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { advanceCheckpoints } from '../../../../src/flow/ingest/advance-checkpoints.ts';
import { IngestWorker } from '../../../../src/flow/ingest/ingest-worker.ts';
import { replayDeadLetters } from '../../../../src/flow/replay/replay-dead-letters.ts';
import { maintainWarehouse } from '../../../../src/maintenance/maintain-warehouse.ts';
import { Committer } from '../../../../src/table/commit/commit.ts';
import { compactTable } from '../../../../src/table/compact/compact-table.ts';
import { type LakeBench, tableNames } from './bench.ts';

const checkpointIntervalMs = 600_000;

/** @param options `looks`: it looks now and then, where a world is about others than it */
export function ingestWorker(
  bench: LakeBench,
  name: string,
  options: { readonly looks: boolean } = { looks: false },
): Promise<void> {
  return bench.world.supervise(name, async process => {
    const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
    const commitIntervalMs = Math.max(100, bench.settings.pauseMs);
    const worker = new IngestWorker(parts, { commitIntervalMs });
    while (!bench.isStopped) {
      const result = await worker.cycle({ waits: !options.looks });
      for (const { outcome } of result.events) bench.count(`ingest ${outcome.status}`);
      bench.world.check(
        result.lostShards.length === 0,
        'a shard is said to have lost records, and nothing was dropped',
      );
      if (options.looks) await process.clock.sleep(bench.pollMs);
    }
  });
}

/** Brings dead letters again, now and then at the same time as another. */
export function replayer(bench: LakeBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
    while (!bench.isStopped) {
      await bench.pause(process, 10);
      for (const tableName of tableNames) {
        const table = await bench.open(process, tableName);
        try {
          const receipt = await replayDeadLetters(parts, table, { waitMs: 2 * bench.settings.pauseMs });
          bench.count('rows replayed', receipt.replayedRows);
          if (receipt.pendingRows > 0) bench.count('replays that are left to others');
        } catch (error) {
          // Nothing was ever taken from the log.
          if (!isLakeError(error, 'LAKE_NOT_LOGGED')) throw error;
        }
      }
    }
  });
}

/** @param options `isForeign`: it is another engine's, which changes no row and knows nothing of our properties */
export function compactor(
  bench: LakeBench,
  name: string,
  options: { readonly isForeign: boolean } = { isForeign: false },
): Promise<void> {
  return bench.world.supervise(name, async process => {
    const opened = await Promise.all(tableNames.map(table => bench.open(process, table, options)));
    const committers = opened.map(table => ({ table, committer: new Committer(table) }));
    while (!bench.isStopped) {
      await bench.pause(process, 5);
      for (const { table, committer } of committers) {
        try {
          const receipt = await compactTable(table, committer, { isFull: process.random.next() < 0.2 });
          bench.count(`${options.isForeign ? 'foreign ' : ''}compact ${receipt.status}`);
        } catch (error) {
          if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
          bench.count('compact expired');
        }
      }
    }
  });
}

export function maintainer(bench: LakeBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    while (!bench.isStopped) {
      await bench.pause(process, 25);
      const logRetentionMs = bench.settings.retentionMs;
      const { tables, claims } = await maintainWarehouse(bench.world.parts(process), {
        orphans: 'remove',
        logRetentionMs,
      });
      for (const { end, lines } of tables) {
        bench.count(`maintenance ${end.status === 'done' ? 'done' : end.code}`);
        bench.count(
          'snapshots expired',
          lines.reduce((sum, { expiry }) => sum + expiry.expiredCount, 0),
        );
      }
      bench.count('claims removed', claims.removed.fileCount);
    }
  });
}

/** The part of maintenance that is about the log; one that forgets cannot wait long for it. */
export function checkpointer(bench: LakeBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
    while (!bench.isStopped) {
      const { advanced } = await advanceCheckpoints(parts);
      bench.count('checkpoints advanced', advanced);
      await process.clock.sleep(checkpointIntervalMs);
    }
  });
}
