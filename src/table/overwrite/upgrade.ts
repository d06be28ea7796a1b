/**
 * New files of an overwritten bucket go to the top level at once where their keys do not overlap: there is nothing below
 * them to be merged with, so readers take them as they are and no compaction has to move them.
 *
 * @see Paimon 1.4.2 FileStoreCommitImpl.tryUpgrade, option `overwrite-upgrade`
 */
import type { PlannedFile } from '../commit/request.ts';
import type { KeyComparator } from '../key-comparator.ts';
import { bucketKey } from '../live-files.ts';

export class OverwriteUpgrade {
  readonly #level: number;
  readonly #compareKeys: KeyComparator;
  /** A plan that is made again must give the same objects (CommitPlan.adds). */
  readonly #upgraded = new WeakMap<PlannedFile, PlannedFile>();
  readonly #originals = new WeakMap<PlannedFile, PlannedFile>();

  constructor(level: number, compareKeys: KeyComparator) {
    this.#level = level;
    this.#compareKeys = compareKeys;
  }

  /** The files, those of buckets without overlap and without delete rows at the top level. */
  apply(files: readonly PlannedFile[]): readonly PlannedFile[] {
    const lifted = new Set<PlannedFile>();
    for (const bucket of Map.groupBy(files, bucketKey).values()) {
      if (this.#isOneRun(bucket)) for (const file of bucket) lifted.add(file);
    }
    return files.map(file => (lifted.has(file) ? this.#upgrade(file) : file));
  }

  /** The files as they were before. */
  undo(files: readonly PlannedFile[]): readonly PlannedFile[] {
    return files.map(file => this.#originals.get(file) ?? file);
  }

  /** Rows that take others away would be read as rows at the top, where nobody merges. */
  #isOneRun(files: readonly PlannedFile[]): boolean {
    if (files.some(({ file }) => file.level > 0 || file.deleteRowCount !== 0)) return false;
    const run = files.map(({ file }) => file).toSorted((a, b) => this.#compareKeys(a.minKey, b.minKey));
    return run.every((file, index) => {
      const next = run[index + 1];
      return next === undefined || this.#compareKeys(file.maxKey, next.minKey) < 0;
    });
  }

  #upgrade(file: PlannedFile): PlannedFile {
    let upgraded = this.#upgraded.get(file);
    if (upgraded === undefined) {
      upgraded = { ...file, file: { ...file.file, level: this.#level } };
      this.#upgraded.set(file, upgraded);
      this.#originals.set(upgraded, file);
    }
    return upgraded;
  }
}
