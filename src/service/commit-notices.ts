/** Word within the process that a table has a new snapshot. It makes others look sooner; nothing relies on it. */
export class CommitNotices {
  readonly #listeners = new Set<(table: string) => void>();

  /** @param table `db.t` */
  notify(table: string): void {
    for (const listener of this.#listeners) listener(table);
  }

  /** @returns what ends it */
  listen(listener: (table: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
