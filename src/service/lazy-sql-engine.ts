/** The SQL engine of a lake, opened by the first statement and closed with the lake. */
import type { SqlEngine } from '../sql/engine.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { WorkMemory } from '../table/work-memory.ts';

/** Opens DuckDB when it is first asked for: it is large, and most processes never run a statement. */
export class LazySqlEngine implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #workMemory: WorkMemory;
  #engine: Promise<SqlEngine> | undefined;

  /** @param store of the warehouse: when it is a folder of this machine, DuckDB may read it */
  constructor(store: ObjectStore, workMemory: WorkMemory) {
    this.#store = store;
    this.#workMemory = workMemory;
  }

  open(): Promise<SqlEngine> {
    this.#engine ??= this.#load();
    return this.#engine;
  }

  async #load(): Promise<SqlEngine> {
    const { SqlEngine } = await import('../sql/engine.ts');
    const { localFolderOf } = await import('../sql/relations/raw-files.ts');
    const folder = localFolderOf(this.#store);
    const { sqlBytes: memoryBytesMax, sqlThreads: threadsMax } = this.#workMemory;
    return SqlEngine.open({ readableFolders: folder === undefined ? [] : [folder], memoryBytesMax, threadsMax });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.[Symbol.asyncDispose]();
  }
}
