/** Counts what goes to a log, for tests and figures of what is above it. */
import type { LogStore } from './log-store.ts';
import { type LogStoreOperation, watchedLogStore } from './watched-log-store.ts';

export type LogStoreCounts = Readonly<Record<LogStoreOperation, number>> & {
  /** Records and bytes sent, whether or not they were taken. */
  readonly recordsAppended: number;
  readonly bytesAppended: number;
  /** Records and bytes that came in. */
  readonly recordsRead: number;
  readonly bytesRead: number;
};

export type CountingLogStore = LogStore & {
  /** What was asked since the beginning or the last reset. */
  counts(): LogStoreCounts;
  reset(): void;
};

/**
 * A request counts when it is made, whatever comes of it. The driver's own retries are below and do not count.
 *
 * @param onRequest told of each request as it is made, with its shard where it has one
 */
export function countingLogStore(
  inner: LogStore,
  onRequest?: (operation: LogStoreOperation, shardId: string | undefined) => void,
): CountingLogStore {
  let counts = { ...noCounts };
  const bytesOf = (records: readonly { readonly data: Uint8Array }[]): number =>
    records.reduce((sum, { data }) => sum + data.byteLength, 0);
  const watched = watchedLogStore(inner, {
    asked(operation, shardId) {
      counts[operation] += 1;
      onRequest?.(operation, shardId);
    },
    sent(records) {
      counts.recordsAppended += records.length;
      counts.bytesAppended += bytesOf(records);
    },
    received(records) {
      counts.recordsRead += records.length;
      counts.bytesRead += bytesOf(records);
    },
  });
  return {
    ...watched,
    counts: () => ({ ...counts }),
    reset: () => {
      counts = { ...noCounts };
    },
  };
}

const noCounts: Readonly<Record<keyof LogStoreCounts, number>> = {
  describe: 0,
  append: 0,
  read: 0,
  waitForMore: 0,
  checkThere: 0,
  recordsAppended: 0,
  bytesAppended: 0,
  recordsRead: 0,
  bytesRead: 0,
};
