/** Tells a meter what goes to a log. */
import type { LogStore } from '../storage/log-store.ts';
import { watchedLogStore } from '../storage/watched-log-store.ts';
import type { Meter } from './meter.ts';
import type { Purpose } from './usage.ts';

/** Kinesis charges what is put in units of this many bytes, record by record. */
export const logUnitBytes: number = 25 * 1024;

export type RecordTable = (data: Uint8Array) => string | undefined;

/**
 * Calls count as of no one table, since one call serves many; payload units and bytes count for the table of each record.
 * The inner log stays its owner's to close.
 *
 * @param tableOf `db.t`, from the record's own words
 */
export function meteredLogStore(
  inner: LogStore,
  { meter, purpose, tableOf }: { readonly meter: Meter; readonly purpose: Purpose; readonly tableOf: RecordTable },
): LogStore {
  const watched = watchedLogStore(inner, {
    asked(operation) {
      if (operation === 'append') meter.count(undefined, purpose, { logAppend: 1 });
      if (operation === 'read') meter.count(undefined, purpose, { logRead: 1 });
    },
    sent(records) {
      for (const { data } of records) {
        const logUnit = Math.max(1, Math.ceil(data.byteLength / logUnitBytes));
        meter.count(tableOf(data), purpose, { logUnit, logBytesWritten: data.byteLength });
      }
    },
    received(records) {
      for (const { data } of records) meter.count(tableOf(data), purpose, { logBytesRead: data.byteLength });
    },
  });
  return { ...watched, async [Symbol.asyncDispose]() {} };
}
