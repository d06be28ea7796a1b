/** How a column of a file is read: as one leaf, or as a nested column of several. */
import { assert } from '../../base/assert.ts';
import { type DataField, isAtomic } from '../../types/data-type.ts';
import type { ColumnChunk } from './footer.ts';
import { planLeaf } from './leaf-plan.ts';
import type { NestedSource } from './nested-cursor.ts';
import { type NestedPlan, type PlannedLeaf, planNested } from './nested-plan.ts';
import type { ChunkSource } from './page-cursor.ts';
import type { SchemaNode } from './schema-tree.ts';

export type PlannedColumn =
  | { readonly kind: 'leaf'; readonly field: DataField; readonly leaf: PlannedLeaf }
  | { readonly kind: 'nested'; readonly field: DataField; readonly plan: NestedPlan };

/**
 * @param node undefined: the file does not have the column
 * @throws LakeError `corrupt` when the file's column cannot be of the field's type
 */
export function planColumn(node: SchemaNode | undefined, field: DataField, where: string): PlannedColumn | undefined {
  if (node === undefined) return undefined;
  if (node.chunkIndex === undefined || !isAtomic(field.type)) {
    return { kind: 'nested', field, plan: planNested(node, field, where) };
  }
  return { kind: 'leaf', field, leaf: { plan: planLeaf(node.element, field, where), chunkIndex: node.chunkIndex } };
}

/** Which of a row group's chunks the column is read from. */
export function chunkIndexes(column: PlannedColumn): readonly number[] {
  return column.kind === 'leaf' ? [column.leaf.chunkIndex] : column.plan.leaves.map(leaf => leaf.chunkIndex);
}

/** The column with its chunks, in the order of `chunkIndexes`. */
export function sourceOf(
  column: PlannedColumn,
  chunks: readonly { readonly chunk: ColumnChunk; readonly bytes: Uint8Array }[],
): ChunkSource | NestedSource {
  const { field } = column;
  if (column.kind === 'nested') return { kind: 'nested', field, plan: column.plan, chunks };
  const [found] = chunks;
  assert(found !== undefined, 'a leaf has a chunk');
  return { kind: 'leaf', field, plan: column.leaf.plan, ...found };
}
