/** The schema of a file, which lies there as a list in depth-first order, as a tree. */
import { assert } from '../../base/assert.ts';
import type { SchemaElement } from './footer.ts';

export type SchemaNode = {
  readonly element: SchemaElement;
  /** Of a leaf, which of a row group's chunks is its; undefined for groups. */
  readonly chunkIndex: number | undefined;
  readonly children: readonly SchemaNode[];
};

/** The columns at the top, in the file's order. @param schema a tree, as `readFooter` has made sure */
export function schemaTree(schema: readonly SchemaElement[]): readonly SchemaNode[] {
  type Open = { readonly children: SchemaNode[]; missing: number };
  const [rootElement, ...elements] = schema;
  assert(rootElement !== undefined, 'a schema has a root');
  const columns: SchemaNode[] = [];
  const open: Open[] = [{ children: columns, missing: rootElement.childCount }];
  let chunkCount = 0;
  for (const element of elements) {
    while (open.at(-1)?.missing === 0) open.pop();
    const parent = open.at(-1);
    assert(parent !== undefined, 'every element has a parent');
    const children: SchemaNode[] = [];
    const isLeaf = element.physical !== undefined;
    const node: SchemaNode = { element, chunkIndex: isLeaf ? chunkCount : undefined, children };
    if (isLeaf) chunkCount += 1;
    parent.children.push(node);
    parent.missing -= 1;
    open.push({ children, missing: element.childCount });
  }
  return columns;
}

/** Which of a row group's chunks are the column's. */
export function leafIndexes(column: SchemaNode): readonly number[] {
  const indexes: number[] = [];
  const open = [column];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.chunkIndex !== undefined) indexes.push(node.chunkIndex);
    open.push(...node.children);
  }
  return indexes;
}
