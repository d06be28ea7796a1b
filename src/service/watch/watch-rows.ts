/** What a watch gives to users of the library: rows as objects. */
import { rowsAs } from '../table-shape.ts';
import type { WatchedParts } from './watched-part.ts';

/** @typeParam Row what a row of the answer is */
export type WatchChange<Row> =
  /** The row is there, in the place of the one with its key if there is one. */
  | { readonly op: '+'; readonly row: Row }
  /** The row with this key is gone; without a key, one row with all these values. */
  | { readonly op: '-'; readonly row: Partial<Row> };

export type WatchBatch<Row> = {
  /** `full`: this is the answer, forget what was before; `delta`: changes of what was given before. */
  readonly kind: 'full' | 'delta';
  /** What is long comes in several parts, 0, 1, 2 …; a `full` that begins again begins with 0. */
  readonly part: number;
  /** The last part: with it, what was given is the query's answer as of one place. */
  readonly isComplete: boolean;
  /** Each key once; without a key, what goes before what comes. May be empty: nothing changed, and `resume` is a newer place. */
  readonly changes: readonly WatchChange<Row>[];
  /** Where another watch of the same goes on; undefined: more of the same must come first. */
  readonly resume: string | undefined;
};

export async function* watchRows<Row extends object>(
  parts: WatchedParts,
): AsyncGenerator<WatchBatch<Row>, void, undefined> {
  for await (const { kind, part, isComplete, changes, resume } of parts) {
    const rows = changes.flatMap(({ op, rows: batch }): WatchChange<Row>[] => {
      const row = rowsAs<Row>(batch);
      return Array.from({ length: batch.rowCount }, (_, index) => ({ op, row: row(index) }));
    });
    yield { kind, part, isComplete, changes: rows, resume };
  }
}
