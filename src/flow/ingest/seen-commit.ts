/** What leads from a producer's record to the snapshot that has it, as the ingest tells that has brought it there. */
import type { LogPosition } from '../group-commit/send-message.ts';
import { producerKey } from './state.ts';
import type { ShardBatch } from './take.ts';

export type SeenCommit = {
  /** The snapshot; of a commit by message the newest at which its rows were seen, they may be in one below it. */
  readonly snapshotId: number;
  /** Of the snapshot, if it is this process's own. */
  readonly commitUser: string | undefined;
  /** Where the commit log has the message that asked for it. */
  readonly message: LogPosition | undefined;
  readonly shards: readonly SeenRange[];
  readonly producers: readonly SeenProducer[];
  readonly rowCount: number;
  /** From the arrival of the oldest record until the commit was seen. */
  readonly freshnessMs: number | undefined;
};

/** Records above `from`, up to and including `to`. */
export type SeenRange = { readonly shardId: string; readonly from: bigint | undefined; readonly to: bigint };

/** Records of one lane of a producer, the first and the last number. */
export type SeenProducer = { readonly lane: string; readonly first: number; readonly last: number };

export function seenCommit(
  commit: Pick<SeenCommit, 'snapshotId' | 'commitUser' | 'message'>,
  batches: readonly ShardBatch[],
  nowMs: number,
): SeenCommit {
  const lanes = new Map<string, SeenProducer>();
  let rowCount = 0;
  let oldestMs: number | undefined;
  for (const { record, arrivalMs } of batches.flatMap(({ records }) => records)) {
    const { producerId, bucket, producerNumber } = record.header;
    const lane = producerKey(producerId, bucket);
    lanes.set(lane, { lane, first: lanes.get(lane)?.first ?? producerNumber, last: producerNumber });
    rowCount += record.header.rowCount;
    oldestMs = Math.min(oldestMs ?? arrivalMs, arrivalMs);
  }
  return {
    ...commit,
    shards: batches.flatMap(({ shardId, recorded: from, through }) =>
      through === undefined ? [] : [{ shardId, from, to: through.position }],
    ),
    producers: [...lanes.values()],
    rowCount,
    // Clocks differ a little: a row is never there before it came.
    freshnessMs: oldestMs === undefined ? undefined : Math.max(0, nowMs - oldestMs),
  };
}
