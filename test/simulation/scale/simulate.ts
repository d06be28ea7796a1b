/**
 * A run at scale, metadata only: many writers at one table of many files, in virtual time, with the latencies of S3 and
 * Kinesis. The product's own code commits; what it asks for takes its time, what it computes takes none. The same settings
 * give the same figures.
 */
import { seededRandom } from '../../../src/base/random.ts';
import { applyCommitEvent, openCommitApplier } from '../../../src/flow/group-commit/commit-event.ts';
import type { LogReadResult, LogStart } from '../../../src/storage/log-store.ts';
import { MemoryLog } from '../../../src/storage/memory/memory-log.ts';
import { seedOf } from '../chance.ts';
import type { SimProcess } from '../process.ts';
import { simLogStore } from '../sim-log-store.ts';
import { ScaleBench } from './bench.ts';
import type { ScaleFigures, ScaleSettings } from './settings.ts';
import { messagingWriter, swappingWriter } from './writers.ts';

const hourMs = 3_600_000;
/** Lambda hands over at most so many records at a time, and asks an idle shard five times a second. */
const batchRecordsMax = 1_000;
const pollMs = 200;

export async function simulateScale(settings: ScaleSettings): Promise<ScaleFigures> {
  const bench = new ScaleBench(settings);
  const { world } = bench;
  await bench.setUp();
  // Without faults: what is asked here is how long things take.
  world.faults.end();
  const indexes = Array.from({ length: settings.writers }, (_, index) => index);
  const state = { isOver: false };
  const random = seededRandom(seedOf(settings.seed, 'log'));
  const log = new MemoryLog({ name: 'commits', shardCount: 1 }, { clock: bench.clock, random });
  const writers = indexes.map(index =>
    settings.by === 'swap'
      ? swappingWriter(bench, index)
      : messagingWriter(bench, index, simLogStore(world, world.process('log'), log)),
  );
  if (settings.by === 'message') void commitFunction(bench, log, state).catch((error: unknown) => world.fail(error));
  Promise.all(writers).then(
    () => {
      state.isOver = true;
    },
    (error: unknown) => world.fail(error),
  );
  const end = await world.run(() => state.isOver, hourMs);
  world.check(end === 'done', () => `the writers did not come to their end: ${end}`);
  return await bench.figures();
}

/** The function that commits what the messages bring, one batch after the other, as an event source mapping calls it. */
async function commitFunction(bench: ScaleBench, log: MemoryLog, state: { readonly isOver: boolean }): Promise<void> {
  const process = bench.world.process('commit-function');
  const store = bench.counted(process);
  const applier = openCommitApplier({ ...bench.world.parts(process), store });
  const shardId = log.describe().shards[0]?.shardId ?? '';
  let next: LogStart = { kind: 'earliest' };
  while (!state.isOver) {
    const result = await readBatch(process, log, shardId, next);
    next = result.next;
    if (result.records.length === 0) {
      await process.clock.sleep(pollMs);
      continue;
    }
    const { tables } = await applyCommitEvent(applier, { shardId, envelopes: result.records });
    for (const { lostSwaps, failed } of tables) {
      bench.lost(lostSwaps);
      bench.world.check(failed.length === 0, 'a swap did not come about, and nothing was in its way');
    }
  }
}

function readBatch(process: SimProcess, log: MemoryLog, shardId: string, from: LogStart): Promise<LogReadResult> {
  return process.request({
    of: 'read',
    what: 'read',
    key: shardId,
    effect: () => log.read(shardId, from, { recordsMax: batchRecordsMax }),
    outcome: ({ records }) => `${records.length} records`,
  });
}
