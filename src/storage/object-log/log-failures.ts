/** What the failures of an object store mean for the log that lies in it. */
import { isLakeError, LakeError, type LakeErrorCode } from '../../base/errors.ts';
import type { ObjectStore } from '../object-store.ts';

const codes: Readonly<Record<string, LakeErrorCode>> = {
  LAKE_STORE_UNAVAILABLE: 'LAKE_LOG_UNAVAILABLE',
  LAKE_STORE_FULL: 'LAKE_LOG_FULL',
  LAKE_STORE_DENIED: 'LAKE_LOG_DENIED',
  LAKE_STORE_NOT_FOUND: 'LAKE_LOG_NOT_FOUND',
  LAKE_STORE_REFUSED: 'LAKE_LOG_REFUSED',
  LAKE_STORE_CLOSED: 'LAKE_LOG_CLOSED',
  LAKE_OBJECT_TOO_LARGE: 'LAKE_LOG_CORRUPT',
};

/** A failure of the store under the code of the log's port, in the same words; what is none comes back as it is. */
export function objectLogFailure(error: unknown): unknown {
  if (!isLakeError(error)) return error;
  const code = codes[error.code];
  return code === undefined ? error : new LakeError(error.kind, code, error.message, { cause: error });
}

/** The store, with its failures told as those of a log. Owns it. */
export function storeOfLog(inner: ObjectStore): ObjectStore {
  return {
    uri: inner.uri,
    get: (...call) => told(() => inner.get(...call)),
    getRange: (...call) => told(() => inner.getRange(...call)),
    head: (...call) => told(() => inner.head(...call)),
    put: (...call) => told(() => inner.put(...call)),
    putIfAbsent: (...call) => told(() => inner.putIfAbsent(...call)),
    putIfMatch: (...call) => told(() => inner.putIfMatch(...call)),
    delete: (...call) => told(() => inner.delete(...call)),
    async *list(...call) {
      try {
        yield* inner.list(...call);
      } catch (error) {
        throw objectLogFailure(error);
      }
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

async function told<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw objectLogFailure(error);
  }
}
