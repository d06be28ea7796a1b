/**
 * Columns that a row group has twice, in the same memory: a file of a primary-key table has its keys once more under names of
 * their own. What is encoded once, and compressed, serves both.
 */
import type { DataType } from '../../../types/data-type.ts';
import type { Column } from '../../../types/row-batch.ts';
import type { SchemaElement } from '../footer.ts';
import type { EncodedLeaf } from './column.ts';

type ColumnParts = {
  readonly parts: readonly Column[];
  readonly type: DataType;
  readonly element: SchemaElement;
};

export class RepeatedColumns {
  /** By the memory that they begin in. */
  readonly #known = new Map<ArrayBufferLike | undefined, { of: ColumnParts; leaf: EncodedLeaf }[]>();

  /** What was encoded of the same memory before, or what `encode` makes. */
  encoded(column: ColumnParts, encode: () => EncodedLeaf): EncodedLeaf {
    const buffer = memoryOf(column.parts[0]?.values)?.buffer;
    const candidates = this.#known.get(buffer) ?? [];
    const found = candidates.find(({ of }) => isSame(of, column));
    if (found !== undefined) return found.leaf;
    const leaf = encode();
    this.#known.set(buffer, candidates);
    candidates.push({ of: column, leaf });
    return leaf;
  }
}

function isSame(a: ColumnParts, b: ColumnParts): boolean {
  if (a.parts.length !== b.parts.length || !a.parts.every((part, index) => isSamePart(part, b.parts[index])))
    return false;
  const isSameType = JSON.stringify(a.type) === JSON.stringify(b.type);
  return isSameType && a.element.repetition === b.element.repetition;
}

function isSamePart(a: Column, b: Column | undefined): boolean {
  if (b === undefined || a.length !== b.length || a.nullCount !== b.nullCount) return false;
  const isNullable = a.nullCount > 0;
  return (
    isSameMemory(a.values, b.values) &&
    isSameMemory(a.valueOffsets, b.valueOffsets) &&
    (!isNullable || isSameMemory(a.nullBitmap, b.nullBitmap))
  );
}

function isSameMemory(a: unknown, b: unknown): boolean {
  const [one, other] = [memoryOf(a), memoryOf(b)];
  return (
    one?.buffer === other?.buffer && one?.byteOffset === other?.byteOffset && one?.byteLength === other?.byteLength
  );
}

function memoryOf(values: unknown): ArrayBufferView | undefined {
  return ArrayBuffer.isView(values) ? values : undefined;
}
