/**
 * What the rows of append tables are of, piece by piece, kept beside them until it is known which files they are in. Rows that are not
 * merged keep their order, so runs of rows tell it. Pure.
 */
import { assert } from '../../base/assert.ts';
import type { PlannedFile } from '../commit/request.ts';

/** Rows that follow one another. */
export type OriginRun = { readonly origin: number; readonly rowCount: number };

/** Appends a run; to the last one where that is of the same piece. */
export function addOrigin(runs: OriginRun[], { origin, rowCount }: OriginRun): void {
  const last = runs.at(-1);
  if (last?.origin !== origin) runs.push({ origin, rowCount });
  else runs[runs.length - 1] = { origin, rowCount: last.rowCount + rowCount };
}

/**
 * The runs of each file, by its name.
 *
 * @param runs of all rows of a place, in order; none: nobody has said what they are of
 * @param groups whose files have the same rows in the same order
 */
export function originsOfFiles(
  runs: readonly OriginRun[],
  groups: readonly { readonly files: readonly PlannedFile[] }[],
): readonly (readonly [string, readonly OriginRun[]])[] {
  if (runs.length === 0) return [];
  let [at, taken] = [0, 0];
  return groups.flatMap(({ files }) =>
    files.map(({ file }) => {
      const ofFile: OriginRun[] = [];
      for (let missing = file.rowCount; missing > 0; ) {
        const run = runs[at];
        assert(run !== undefined, () => `every row of ${file.fileName} is of a piece`);
        const rowCount = Math.min(missing, run.rowCount - taken);
        ofFile.push({ origin: run.origin, rowCount });
        missing -= rowCount;
        taken += rowCount;
        if (taken === run.rowCount) [at, taken] = [at + 1, 0];
      }
      return [file.fileName, ofFile] as const;
    }),
  );
}
