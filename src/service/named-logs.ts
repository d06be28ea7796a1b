/**
 * The logs of a lake: its own, and those that tables name by `log.name` (RFC 0024). A use case that works on one table does so
 * with the parts that have the table's log as theirs.
 */
import { invalid } from '../base/errors.ts';
import { logNameKey, logNameOf, namedLogAddress } from '../format/log-name.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { Table } from '../table/table.ts';

export type LogParts = {
  /** undefined: the lake has no log, rows are committed straight to the table. */
  readonly log: LogStore | undefined;
  /** Of `log`; undefined: it is the lake's own. */
  readonly logName: string | undefined;
  readonly logs: NamedLogs;
};

export class NamedLogs implements AsyncDisposable {
  readonly #own: LogStore | undefined;
  readonly #address: string | undefined;
  readonly #openLog: (address: string) => Promise<LogStore>;
  readonly #opened = new Map<string, Promise<LogStore>>();
  readonly #listeners = new Set<(name: string) => void>();

  /** @param own stays the caller's to close · @param options.address of it */
  constructor(
    own: LogStore | undefined,
    options: {
      readonly address: string | undefined;
      readonly openLog: (address: string) => Promise<LogStore>;
    },
  ) {
    this.#own = own;
    this.#address = options.address;
    this.#openLog = options.openLog;
  }

  /**
   * Opens it once for all who ask; what failed is tried again for who asks next.
   *
   * @throws LakeError `invalid` LAKE_NO_LOG; as `openLog` does
   */
  async open(name: string | undefined): Promise<LogStore> {
    if (this.#own === undefined || this.#address === undefined) {
      throw invalid(
        'LAKE_NO_LOG',
        `log ${name ?? ''} is one beside the lake's own, and this lake was opened without a log`,
      );
    }
    if (name === undefined) return this.#own;
    let log = this.#opened.get(name);
    if (log === undefined) {
      log = this.#openLog(namedLogAddress(this.#address, name));
      this.#opened.set(name, log);
      log.catch(() => this.#opened.delete(name));
      for (const listener of this.#listeners) listener(name);
    }
    return await log;
  }

  /** Told of each log when it begins to be opened. @returns ends it */
  listen(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    // What could not be opened has told so.
    for (const log of await Promise.allSettled(opened)) {
      if (log.status === 'fulfilled') await log.value[Symbol.asyncDispose]();
    }
  }
}

/** Whether rows of a table come through the log of this name. */
export function isOfLog(name: string | undefined): (table: Pick<Table, 'schema'>) => boolean {
  return ({ schema }) => schema.options[logNameKey] === name;
}

/** The parts with the log of a name as theirs. A lake without a log has none of any name. */
export async function withLog<P extends LogParts>(parts: P, name: string | undefined): Promise<P> {
  if (parts.log === undefined || name === parts.logName) return parts;
  return { ...parts, log: await parts.logs.open(name), logName: name };
}

/** The parts with the log of a table as theirs. @throws LakeError as `NamedLogs.open` does */
export function withLogOf<P extends LogParts>(parts: P, { schema }: Pick<Table, 'schema'>): Promise<P> {
  return withLog(parts, logNameOf(schema.options));
}
