/**
 * How a group of a file becomes a column of ARRAY, MAP, MULTISET or ROW. The wasm assembles the values out of the leaves'
 * levels; it is told of lists and structs only, with the levels as they are in the file and leaves as `leaf-plan.ts` has
 * them. Fields of a ROW are found by name, what the file has besides is left out; the entries of lists and maps by place.
 *
 * @see https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types
 */
import { assert, present } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { makeColumn, noValues, nullBitsOf } from '../../types/column-buffers.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import { withoutBlankNulls } from '../../types/not-null.ts';
import type { Column } from '../../types/row-batch.ts';
import { typeName } from '../../types/type-name.ts';
import { corruptParquet } from './fault.ts';
import type { SchemaElement } from './footer.ts';
import { type LeafPlan, planLeaf } from './leaf-plan.ts';
import type { SchemaNode } from './schema-tree.ts';
import type { ColumnLayout, DecodedColumn } from './wasm-door.ts';

export type PlannedLeaf = { readonly plan: LeafPlan; readonly chunkIndex: number };

export type NestedPlan = {
  /** The column's part of the schema as the wasm is told of it, depth-first; its leaves are `leaves`. */
  readonly schema: readonly SchemaElement[];
  readonly leaves: readonly PlannedLeaf[];
  readonly layout: ColumnLayout;
  readonly toColumn: (decoded: DecodedColumn) => Column;
};

/** @throws LakeError `corrupt` when the file's column cannot be of the field's type */
export function planNested(node: SchemaNode, field: DataField, where: string): NestedPlan {
  const shape = nestedShape(field.type);
  const { element, chunkIndex } = node;
  if (chunkIndex !== undefined && shape === undefined) {
    const plan = planLeaf(element, field, where);
    return { schema: [plan.element], leaves: [{ plan, chunkIndex }], layout: plan.layout, toColumn: plan.toColumn };
  }
  if (shape === undefined || chunkIndex !== undefined || element.repetition === 'repeated') {
    const found = `${element.repetition} ${element.physical ?? `group${annotationText(element)}`}`;
    throw corruptParquet(where, `column ${field.name} holds ${found}, its schema says ${typeName(field.type)}`);
  }
  if (shape.kind === 'list') return planList(node, field, { entry: shape.entry, where });
  return planStruct(node, { field, fields: shape.fields, where });
}

function annotationText({ annotation }: SchemaElement): string {
  return annotation === undefined ? '' : ` (${annotation.kind})`;
}

type ListParts = { readonly entry: DataType; readonly where: string };

function planList(node: SchemaNode, field: DataField, { entry, where }: ListParts): NestedPlan {
  const [repeated] = node.children;
  const isMap = field.type.kind !== 'array';
  if (node.children.length !== 1 || repeated?.element.repetition !== 'repeated') {
    throw corruptParquet(where, `column ${field.name} is a group of ${node.children.length}, no list`);
  }
  if (repeated.element.physical !== undefined || repeated.children.length !== (isMap ? 2 : 1)) {
    throw unsupported(
      `a ${isMap ? 'map' : 'list'} of ${repeated.children.length} columns`,
      `${where} column ${field.name}`,
    );
  }
  const child = isMap
    ? planEntries(repeated, { name: field.name, entry, where })
    : planNested(
        present(repeated.children[0], 'the element'),
        { ...field, name: `${field.name}.element`, type: entry },
        where,
      );
  return {
    schema: [
      { ...plainGroup(node.element), annotation: { kind: 'list' } },
      { ...plainGroup(repeated.element), name: 'list', childCount: isMap ? 2 : 1 },
      ...child.schema,
    ],
    leaves: child.leaves,
    layout: { kind: 'list', entry: child.layout },
    toColumn: decoded => {
      const entries = present(decoded.children?.[0], 'the entries');
      return makeColumn(field.type, decoded.length, {
        values: noValues,
        valueOffsets: decoded.valueOffsets,
        nullBitmap: decoded.nullBitmap,
        children: [notNull(child.toColumn(entries), { type: entry, parent: undefined, where, name: field.name })],
      });
    },
  };
}

/** A map's entries: the repeated group is the struct, so that there is no element of its own for it. */
function planEntries(repeated: SchemaNode, { name, entry, where }: ListParts & { readonly name: string }): NestedPlan {
  const shape = nestedShape(entry);
  assert(shape?.kind === 'struct', 'the entries of a map are structs');
  const children = shape.fields.map((field, index) => ({
    field,
    plan: planNested(
      present(repeated.children[index], 'key and value'),
      { ...field, name: `${name}.${field.name}` },
      where,
    ),
  }));
  return structPlan(children, { type: entry, group: [], where, name });
}

type StructParts = { readonly field: DataField; readonly fields: readonly DataField[]; readonly where: string };

function planStruct(node: SchemaNode, { field: row, fields, where }: StructParts): NestedPlan {
  const children = fields.map(field => {
    const child = node.children.find(candidate => candidate.element.name === field.name);
    if (child === undefined) throw corruptParquet(where, `column ${row.name} lacks field ${field.name} of its schema`);
    return { field, plan: planNested(child, { ...field, name: `${row.name}.${field.name}` }, where) };
  });
  const group: SchemaElement = { ...plainGroup(node.element), childCount: fields.length };
  return structPlan(children, { type: row.type, group: [group], where, name: row.name });
}

type StructChild = { readonly field: DataField; readonly plan: NestedPlan };

function structPlan(
  children: readonly StructChild[],
  { type, group, where, name }: { type: DataType; group: readonly SchemaElement[]; where: string; name: string },
): NestedPlan {
  return {
    // Names have to differ among brothers and nothing else.
    schema: [...group, ...children.flatMap(({ plan }, index) => renamed(plan.schema, `f${index}`))],
    leaves: children.flatMap(({ plan }) => plan.leaves),
    layout: { kind: 'struct', fields: children.map(({ plan }) => plan.layout) },
    toColumn: decoded => {
      const struct = makeColumn(type, decoded.length, { values: noValues, nullBitmap: decoded.nullBitmap });
      const parent = nullBitsOf(struct);
      const columns = children.map(({ field, plan }, index) => {
        const column = plan.toColumn(present(decoded.children?.[index], 'a decoded field'));
        return notNull(column, { type: field.type, parent, where, name: `${name}.${field.name}` });
      });
      return makeColumn(type, decoded.length, {
        values: noValues,
        nullBitmap: parent,
        nullCount: struct.nullCount,
        children: columns,
      });
    },
  };
}

function renamed([first, ...rest]: readonly SchemaElement[], name: string): readonly SchemaElement[] {
  return first === undefined ? [] : [{ ...first, name }, ...rest];
}

function plainGroup(element: SchemaElement): SchemaElement {
  return { ...element, annotation: undefined, fieldId: undefined };
}

type NotNullCheck = {
  readonly type: DataType;
  readonly parent: Uint8Array | undefined;
  readonly where: string;
  readonly name: string;
};

function notNull(column: Column, { type, parent, where, name }: NotNullCheck): Column {
  if (type.nullable) return column;
  const fitted = withoutBlankNulls(column, parent);
  if (fitted === undefined) throw corruptParquet(where, `column ${name} holds nulls, its schema says NOT NULL`);
  return fitted;
}
