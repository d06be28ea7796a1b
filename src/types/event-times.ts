/** The event times in a column of a batch, for watermarks. */

import { bitAt, int64Values, nullBitsOf, physicalOf } from './column-buffers.ts';
import { int64Unit } from './column-reader.ts';
import { fieldIndex } from './data-type.ts';
import type { RowBatch } from './row-batch.ts';
import { nanosPerMilli } from './time.ts';

/** What a date can be: a row whose time is farther away has none, or it would carry the watermark off with it. */
export const eventMsMax = 8_640_000_000_000_000;

/**
 * Milliseconds of each row; NaN where it has none.
 *
 * @returns undefined: the batch has no such column, or it holds no times
 */
export function eventTimes({ rowType, columns, rowCount }: RowBatch, name: string): Float64Array | undefined {
  const index = fieldIndex(rowType, name);
  const [column, type] = [columns[index], rowType.fields[index]?.type];
  const isTime = type?.kind === 'timestamp' || type?.kind === 'timestamp-ltz';
  if (column === undefined || !isTime || physicalOf(type) !== 'int64') return undefined;
  const stepsPerMs = Number(nanosPerMilli / int64Unit(type));
  const [values, nulls] = [int64Values(column), nullBitsOf(column)];
  const times = new Float64Array(rowCount);
  for (let row = 0; row < rowCount; row += 1) {
    const isNull = nulls !== undefined && bitAt(nulls, row) === 0;
    const ms = isNull ? Number.NaN : Math.floor(Number(values[row] ?? 0n) / stepsPerMs);
    times[row] = Math.abs(ms) <= eventMsMax ? ms : Number.NaN;
  }
  return times;
}

/** undefined: no row has one */
export function latestEventMs(times: Float64Array | undefined): number | undefined {
  let latest: number | undefined;
  for (const ms of times ?? []) if (ms > (latest ?? Number.NEGATIVE_INFINITY)) latest = ms;
  return latest;
}
