/** Lists, maps and structs of Arrow columns from outside. Part of `arrow-import.ts`, which imports their children. */
import { ArrowDataType, type Data } from './arrow.ts';
import { arrowMismatch, type Imported, wrongArrowType } from './arrow-numbers.ts';
import { type ColumnBuffers, noValues } from './column-buffers.ts';
import type { DataType } from './data-type.ts';
import { columnBytesMax } from './gather-bytes.ts';
import type { NestedShape } from './nested-shape.ts';
import { withoutBlankNulls } from './not-null.ts';
import type { Column } from './row-batch.ts';

/** Turns a child from outside into a column of the type. */
export type ImportChild = (data: Data, type: DataType, name: string) => Column;

/** Fields of structs are taken by place, as the columns of a batch are. A list of pairs is a map too. */
export function importNested(
  from: Imported,
  shape: NestedShape,
  { name, importChild }: { readonly name: string; readonly importChild: ImportChild },
): ColumnBuffers {
  const { data, where } = from;
  const { children, length } = data;
  if (shape.kind === 'struct') {
    if (!ArrowDataType.isStruct(data.type)) throw wrongArrowType(from);
    if (children.length !== shape.fields.length) {
      throw arrowMismatch(`${where} has ${children.length} fields where ${shape.fields.length} were expected`);
    }
    const columns = shape.fields.map((field, index) => {
      const child = children[index];
      const childName = `${name}.${field.name}`;
      if (child === undefined || child.length < length) throw arrowMismatch(`${childName} has ${child?.length} values`);
      const cut = child.length === length ? child : child.slice(0, length);
      return notNull(importChild(cut, field.type, childName), field.type, { parent: from.nullBitmap, name: childName });
    });
    return { values: noValues, children: columns };
  }
  const [child] = children;
  if (child === undefined || !isList(data.type)) throw wrongArrowType(from);
  const valueOffsets = importOffsets(from, child.length);
  const entries = importChild(child, shape.entry, `${name}.element`);
  const fitted = notNull(entries, shape.entry, { parent: undefined, name: `${name}.element` });
  return { values: noValues, valueOffsets, children: [fitted] };
}

function isList(type: ArrowDataType): boolean {
  return ArrowDataType.isList(type) || ArrowDataType.isMap(type) || ArrowDataType.isLargeList(type);
}

type Place = { readonly parent: Uint8Array | undefined; readonly name: string };

function notNull(column: Column, type: DataType, { parent, name }: Place): Column {
  if (type.nullable) return column;
  const fitted = withoutBlankNulls(column, parent);
  if (fitted === undefined) throw arrowMismatch(`column ${name} is NOT NULL, but has nulls`);
  return fitted;
}

function importOffsets({ data, where }: Imported, entryCount: number): Int32Array {
  const { length } = data;
  const given: unknown = data.valueOffsets;
  // A column without rows may come without offsets.
  if (length === 0) return new Int32Array(1);
  const isWide = given instanceof BigInt64Array;
  if ((!isWide && !(given instanceof Int32Array)) || given.length < length + 1) {
    throw arrowMismatch(`${where} has too few offsets for ${length} rows`);
  }
  const offsets = isWide
    ? Int32Array.from(given, offset => (offset > columnBytesMax ? -1 : Number(offset)))
    : given.subarray(0, length + 1);
  let last = offsets[0] ?? 0;
  let isAscending = last >= 0;
  for (let row = 1; row <= length; row += 1) {
    const offset = offsets[row] ?? 0;
    if (offset < last) isAscending = false;
    last = offset;
  }
  if (!isAscending || last > entryCount) throw arrowMismatch(`${where} has offsets outside its ${entryCount} entries`);
  return offsets;
}
