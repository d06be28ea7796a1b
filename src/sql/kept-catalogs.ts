/**
 * Connections of DuckDB, each with a catalog of its own, and those that are kept while nobody uses them: who asks a query
 * again finds the relations that it had then. Making a catalog and its views and taking them away takes longer than
 * everything else around a query.
 */
import type { DuckDBConnection, DuckDBInstance } from './duckdb.ts';
import { duckDbFailure } from './duckdb-failure.ts';
import { quoteName } from './quote.ts';

/** Kept at a time. Each holds the text of its views, and no file open. */
const keptMax = 8;
/** Of a query and the statements that made its relations; those with very many files are not kept. */
const textLengthMax = 64 * 1024;

export class ConnectedCatalog {
  readonly name: string;
  readonly connection: DuckDBConnection;
  /** What made its relations; '': it is empty, or nobody said what is in it. */
  relations = '';

  constructor(name: string, connection: DuckDBConnection) {
    this.name = name;
    this.connection = connection;
  }

  /** @throws LakeError */
  static async open(instance: DuckDBInstance, name: string): Promise<ConnectedCatalog> {
    try {
      const connection = await instance.connect();
      await connection.run(attached(name));
      return new ConnectedCatalog(name, connection);
    } catch (error) {
      throw duckDbFailure(error);
    }
  }

  /** Makes relations by statements of ours, unless they were made by the same ones; those that were there before are gone. */
  async setRelations(statements: string): Promise<void> {
    if (statements === this.relations) return;
    const cleared = this.relations === '' ? '' : `${detached(this.name)};\n${attached(this.name)};\n`;
    await this.connection.run(cleared + statements);
    this.relations = statements;
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    this.connection.interrupt();
    try {
      await this.connection.run(detached(this.name));
    } finally {
      this.connection.closeSync();
    }
  }
}

function attached(name: string): string {
  return `ATTACH ':memory:' AS ${quoteName(name)}`;
}

function detached(name: string): string {
  return `USE memory.main; DETACH ${quoteName(name)}`;
}

/**
 * Catalogs that are free, by the query that was asked last of each. Queries leave nothing else behind on a connection: what
 * would is refused (`query/references.ts`).
 */
export class KeptCatalogs {
  readonly #kept: { readonly query: string; readonly catalog: ConnectedCatalog }[] = [];
  #isClosed = false;

  /** Undefined: none is free that was used for this query. */
  take(query: string): ConnectedCatalog | undefined {
    const at = this.#kept.findLastIndex(kept => kept.query === query);
    return at < 0 ? undefined : this.#kept.splice(at, 1)[0]?.catalog;
  }

  /** Gives one back; that which has been free for longest may be closed for it. */
  async keep(query: string, catalog: ConnectedCatalog): Promise<void> {
    if (query.length + catalog.relations.length > textLengthMax) return catalog.close();
    this.#kept.push({ query, catalog });
    if (this.#isClosed) this.close();
    else if (this.#kept.length > keptMax) await this.#kept.shift()?.catalog.close();
  }

  /** Also those that are given back from now on. */
  close(): void {
    this.#isClosed = true;
    for (const { catalog } of this.#kept.splice(0)) catalog.connection.closeSync();
  }
}
