/** Counts what goes to a log, for tests and figures of what is above it. */
import type { LogStore } from './log-store.ts';

export type LogStoreOperation = 'describe' | 'append' | 'read' | 'waitForMore';

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
  const count = (operation: LogStoreOperation, shardId?: string): void => {
    counts[operation] += 1;
    onRequest?.(operation, shardId);
  };
  const { waitForMore } = inner;
  return {
    uri: inner.uri,
    supports: inner.supports,
    counts: () => ({ ...counts }),
    reset: () => {
      counts = { ...noCounts };
    },
    async describe(options) {
      count('describe');
      return await inner.describe(options);
    },
    async append(records, options) {
      count('append');
      counts.recordsAppended += records.length;
      counts.bytesAppended += records.reduce((sum, { data }) => sum + data.byteLength, 0);
      return await inner.append(records, options);
    },
    async read(shardId, from, options) {
      count('read', shardId);
      const result = await inner.read(shardId, from, options);
      counts.recordsRead += result.records.length;
      counts.bytesRead += result.records.reduce((sum, { data }) => sum + data.byteLength, 0);
      return result;
    },
    ...(waitForMore === undefined
      ? {}
      : {
          waitForMore: async (shardId, from, options) => {
            count('waitForMore', shardId);
            await waitForMore.call(inner, shardId, from, options);
          },
        }),
    [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
  };
}

const noCounts: Readonly<Record<keyof LogStoreCounts, number>> = {
  describe: 0,
  append: 0,
  read: 0,
  waitForMore: 0,
  recordsAppended: 0,
  bytesAppended: 0,
  recordsRead: 0,
  bytesRead: 0,
};
