/** Which rows of a row group a filter can let through, by what is known of the pages of its columns. Pure. */
import type { PageContent } from '../../format/data-file-content.ts';
import { allRowsOf, commonRows, type RowRanges, unitedRows } from '../../format/row-ranges.ts';
import type { RowType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { mayMatch } from '../../types/prune.ts';

export type PagesOfGroup = {
  /** What the filter speaks of. */
  readonly rowType: RowType;
  readonly rowCount: number;
  /** Pages of a column, all rows in them; undefined: nothing is known. */
  readonly pagesOf: (column: string) => readonly PageContent[] | undefined;
};

/** Rows outside of the answer pass for certain not. */
export function rowsThatMayMatch(predicate: Predicate, group: PagesOfGroup): RowRanges {
  const { rowCount } = group;
  switch (predicate.kind) {
    case 'and':
      return predicate.children
        .map(child => rowsThatMayMatch(child, group))
        .reduce<RowRanges>(commonRows, allRowsOf(rowCount));
    case 'or':
      return unitedRows(predicate.children.flatMap(child => rowsThatMayMatch(child, group)));
    case 'not':
      return allRowsOf(rowCount);
    default: {
      const pages = group.pagesOf(predicate.column);
      if (pages === undefined) return allRowsOf(rowCount);
      const kept = pages.filter(({ rows, range }) =>
        mayMatch(predicate, group.rowType, () => range, rows.end - rows.start),
      );
      return unitedRows(kept.map(({ rows }) => rows));
    }
  }
}
