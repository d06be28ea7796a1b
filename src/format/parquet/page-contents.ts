/** What the pages of columns hold, by their column indexes. */
import { present } from '../../base/assert.ts';
import type { DataField } from '../../types/data-type.ts';
import type { PageContent } from '../data-file-content.ts';
import { columnRange } from './column-range.ts';
import type { ColumnChunk, RowGroup, SchemaElement } from './footer.ts';
import type { SelectableFile } from './selected-rows.ts';

type FlatColumn = { readonly field: DataField; readonly element: SchemaElement; readonly chunk: ColumnChunk };

/** For each field its pages; undefined: not known. @throws LakeError `corrupt` */
export async function pageContentsOf(
  { source, layout, where }: SelectableFile,
  rowGroup: number,
  fields: readonly DataField[],
): Promise<readonly (readonly PageContent[] | undefined)[]> {
  const group = present(layout.footer.rowGroups[rowGroup], `row group ${rowGroup}`);
  const columns = fields.map((field): FlatColumn | undefined => {
    const node = layout.columns.get(field.name);
    if (node?.chunkIndex === undefined) return undefined;
    return { field, element: node.element, chunk: present(group.chunks[node.chunkIndex], 'a chunk for each leaf') };
  });
  await layout.learnIndexes(
    source,
    columns.flatMap(column => (column === undefined ? [] : [column.chunk])),
  );
  return columns.map(column =>
    column === undefined ? undefined : contentsOf(column, { source, layout, where }, group),
  );
}

function contentsOf(
  { field, element, chunk }: FlatColumn,
  { layout, where }: SelectableFile,
  { rowCount }: RowGroup,
): readonly PageContent[] | undefined {
  const map = layout.pageMap(chunk, rowCount, where);
  const statistics = map === undefined ? undefined : layout.pageStatistics(chunk, map.pages.length, where);
  if (map === undefined || statistics === undefined) return undefined;
  return map.pages.map(({ firstRow: start }, index) => {
    const end = map.pages[index + 1]?.firstRow ?? rowCount;
    const { isAllNull, ...bounds } = present(statistics[index], 'statistics of a page');
    // A page that is said to be all null and to have fewer nulls than rows has no bounds; nothing is known of it.
    const nullCount = bounds.nullCount ?? (isAllNull ? end - start : undefined);
    const page = { ...chunk, valueCount: end - start, statistics: { ...bounds, nullCount } };
    return { rows: { start, end }, range: columnRange(page, element, field.type) };
  });
}
