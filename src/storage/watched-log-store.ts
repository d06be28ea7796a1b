/** A log, with somebody who looks at what goes to it. */
import type { LogAppend, LogRecordEnvelope, LogStore } from './log-store.ts';

export type LogStoreOperation = 'describe' | 'append' | 'read' | 'waitForMore' | 'checkThere';

export type LogStoreWatcher = {
  /** A request is made, whatever comes of it, with its shard where it has one. The driver's own retries are below. */
  readonly asked: (operation: LogStoreOperation, shardId: string | undefined) => void;
  /** Records are sent, whether or not they are taken. */
  readonly sent: (records: readonly LogAppend[]) => void;
  /** Records came. */
  readonly received: (records: readonly LogRecordEnvelope[]) => void;
};

/** The log, with somebody who looks at what goes to it. Disposing of it disposes of the inner one. */
export function watchedLogStore(inner: LogStore, { asked, sent, received }: LogStoreWatcher): LogStore {
  const { waitForMore, checkThere } = inner;
  return {
    uri: inner.uri,
    supports: inner.supports,
    async describe(options) {
      asked('describe', undefined);
      return await inner.describe(options);
    },
    async append(records, options) {
      asked('append', undefined);
      sent(records);
      return await inner.append(records, options);
    },
    async read(shardId, from, options) {
      asked('read', shardId);
      const result = await inner.read(shardId, from, options);
      received(result.records);
      return result;
    },
    ...(waitForMore === undefined
      ? {}
      : {
          waitForMore: async (shardId, from, options) => {
            asked('waitForMore', shardId);
            await waitForMore.call(inner, shardId, from, options);
          },
        }),
    ...(checkThere === undefined
      ? {}
      : {
          checkThere: async options => {
            asked('checkThere', undefined);
            await checkThere.call(inner, options);
          },
        }),
    [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
  };
}
