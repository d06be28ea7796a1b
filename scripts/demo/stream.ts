/**
 * The streaming part of the demo: a burst as fast as the log takes it, then a steady stream in which freshness is
 * measured. Meanwhile a subscriber joins and the worker is killed.
 */
import type { openLake } from '../../src/index.ts';
import { int64Values } from '../../src/types/column-buffers.ts';
import { columnReader } from '../../src/types/column-reader.ts';
import { columnOf, type RowBatch, sliceBatch, toRecordBatch } from '../../src/types/row-batch.ts';
import { flightChanges, flightRowType } from './flights.ts';

export type Lake = Awaited<ReturnType<typeof openLake>>;
export type FlightTable = Awaited<ReturnType<Lake['table']>>;

export type StreamPlan = {
  readonly flightCount: number;
  /** The last so many changes come at `liveRate`. */
  readonly liveCount: number;
  readonly liveRate: number;
};

export type StreamFigures = {
  /** Of the burst. */
  readonly burstRows: number;
  readonly burstMs: number;
  readonly startedAtMs: number;
  /** Milliseconds from acknowledgement to visible in a union read. */
  readonly freshnessMs: readonly number[];
};

/** Changes in an append call of the steady part. */
const liveBatchRows = 200;
const sampleIntervalMs = 100;

export type Progress = { readonly acknowledged: number; readonly share: number };

/** @param onProgress may take its time: the stream waits for it */
export async function streamFlights(
  table: FlightTable,
  plan: StreamPlan,
  onProgress: (progress: Progress) => Promise<void>,
): Promise<StreamFigures> {
  const total = plan.flightCount * 2;
  const burstRows = total - plan.liveCount;
  const freshnessMs: number[] = [];
  const samplers = new Set<Promise<void>>();
  let sent = 0;
  let acknowledged = 0;
  let lastSampleMs = 0;
  await using writer = table.writer();
  const startedAtMs = performance.now();
  let burstMs = 0;
  let liveStartMs = 0;
  for await (const batch of flightChanges(plan.flightCount)) {
    for (const part of partsOf(batch, sent, burstRows)) {
      const isLive = sent >= burstRows;
      if (isLive && liveStartMs === 0) {
        await writer.flush();
        burstMs = performance.now() - startedAtMs;
        liveStartMs = performance.now();
      }
      sent += part.rowCount;
      const done = writer.append(toRecordBatch(part)).then(() => {
        acknowledged += part.rowCount;
        if (!isLive || performance.now() - lastSampleMs < sampleIntervalMs) return;
        lastSampleMs = performance.now();
        const sampling = sampleFreshness(table, part).then(ms => void freshnessMs.push(ms));
        samplers.add(sampling);
        void sampling.finally(() => samplers.delete(sampling));
      });
      if (isLive) {
        await done;
        const dueMs = liveStartMs + ((sent - burstRows) / plan.liveRate) * 1_000;
        const earlyMs = dueMs - performance.now();
        if (earlyMs > 1) await new Promise(resolve => setTimeout(resolve, earlyMs));
      } else await writer.room();
    }
    await onProgress({ acknowledged, share: sent / total });
  }
  await writer.flush();
  await Promise.all(samplers);
  if (burstMs === 0) burstMs = performance.now() - startedAtMs;
  return { burstRows, burstMs, startedAtMs, freshnessMs };
}

/** Asks for the last row of what was just acknowledged until a union read has it. */
async function sampleFreshness(table: FlightTable, acknowledged: RowBatch): Promise<number> {
  const startMs = performance.now();
  const last = acknowledged.rowCount - 1;
  const flight = int64Values(columnOf(acknowledged, 'flight'))[last] ?? 0n;
  const status = columnReader(columnOf(acknowledged, 'status'), { kind: 'varchar', length: 10, nullable: false })(last);
  for (;;) {
    const row = await table.lookup({ flight }, { union: true });
    if (row?.['status'] === status || row?.['status'] === 'departed') return performance.now() - startMs;
  }
}

/** Small parts where the stream is steady, and a cut where the burst ends. */
function* partsOf(batch: RowBatch, sent: number, burstRows: number): Generator<RowBatch> {
  let start = 0;
  while (start < batch.rowCount) {
    const isLive = sent + start >= burstRows;
    const size = isLive ? liveBatchRows : Math.min(batch.rowCount - start, burstRows - sent - start);
    const end = Math.min(batch.rowCount, start + size);
    yield { ...sliceBatch(batch, start, end), rowType: flightRowType };
    start = end;
  }
}
