/** The SQL engine of a lake, opened by the first statement and closed with the lake. */
import type { SqlEngine } from '../sql/engine.ts';

/** Opens DuckDB when it is first asked for: it is large, and most processes never run a statement. */
export class LazySqlEngine implements AsyncDisposable {
  readonly #readableFolders: readonly string[];
  #engine: Promise<SqlEngine> | undefined;

  /** @param readableFolders the warehouse's, when it is on this machine */
  constructor(readableFolders: readonly string[]) {
    this.#readableFolders = readableFolders;
  }

  open(): Promise<SqlEngine> {
    this.#engine ??= this.#load();
    return this.#engine;
  }

  async #load(): Promise<SqlEngine> {
    const { SqlEngine } = await import('../sql/engine.ts');
    return SqlEngine.open({ readableFolders: this.#readableFolders });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.[Symbol.asyncDispose]();
  }
}
