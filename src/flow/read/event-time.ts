/**
 * What event time adds to a subscription: batches say how far it has come behind them, and which of their rows are behind what was
 * said before (RFC 0025). Nothing is left out, and nothing goes back.
 */
import type { Snapshot } from '../../format/snapshot.ts';
import { eventMsMax } from '../../types/event-times.ts';
import type { SubscribedBatch } from './subscribed-batch.ts';

/** A batch before it is known what was told before it. */
export type TimedBatch = Omit<SubscribedBatch, 'late'> & {
  /** Event times of the rows, NaN where there is none; undefined: of no row. */
  readonly times?: Float64Array | undefined;
};

/** @param toldMs what was told before, at the place where it begins */
export async function* withEventTime(
  batches: AsyncIterable<TimedBatch>,
  toldMs: number | undefined,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  let watermarkMs = toldMs;
  for await (const { times, ...batch } of batches) {
    const late = lateRows(times, watermarkMs);
    if (batch.watermarkMs !== undefined) watermarkMs = Math.max(watermarkMs ?? batch.watermarkMs, batch.watermarkMs);
    // So whoever goes on there is told the same.
    const resume = batch.resume && { ...batch.resume, watermarkMs };
    yield { ...batch, watermarkMs, late, resume };
  }
}

/** 1 for each row that is not above the watermark. @returns undefined: none is */
function lateRows(times: Float64Array | undefined, watermarkMs: number | undefined): Uint8Array | undefined {
  if (times === undefined || watermarkMs === undefined) return undefined;
  const late = Uint8Array.from(times, ms => (ms <= watermarkMs ? 1 : 0));
  return late.includes(1) ? late : undefined;
}

/** Of the snapshot alone: Flink writes the smallest number for none, and the largest at the end of bounded input. */
export function watermarkOfSnapshot({ watermark }: Pick<Snapshot, 'watermark'>): number | undefined {
  const ms = watermark === undefined ? Number.NaN : Number(watermark);
  return Math.abs(ms) <= eventMsMax ? ms : undefined;
}
