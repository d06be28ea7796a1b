/**
 * The syntax tree of a TypeScript source as plain nodes with places in the text. The parser is the one that Vitest itself
 * uses, so no package comes in for it; nothing here knows more of a node than its kind, its place and its named parts.
 */
import { parseAst } from 'vitest/node';

export type SyntaxNode = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [part: string]: unknown;
};

/** @throws SyntaxError */
export function parseTypeScript(text: string): SyntaxNode {
  const program: unknown = parseAst(text, { lang: 'ts' });
  if (!isNode(program)) throw new SyntaxError('the parser gave no tree');
  return program;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value && 'end' in value;
}

/** The part of that name, if it is one node. */
export function partOf(node: SyntaxNode | undefined, part: string): SyntaxNode | undefined {
  const value = node?.[part];
  return isNode(value) ? value : undefined;
}

/** The part of that name, if it is a list of nodes. */
export function partsOf(node: SyntaxNode, part: string): readonly SyntaxNode[] {
  const value = node[part];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** Text of a part: a name, an operator. */
export function wordOf(node: SyntaxNode | undefined, part: string): string {
  const value = node?.[part];
  return typeof value === 'string' ? value : '';
}

export function childNodes(node: SyntaxNode): readonly { readonly part: string; readonly node: SyntaxNode }[] {
  return Object.keys(node).flatMap(part => {
    const value = node[part];
    const nodes = Array.isArray(value) ? value.filter(isNode) : [value].filter(isNode);
    return nodes.map(child => ({ part, node: child }));
  });
}

/** `f` of `f(…)`, `m` of `a.b.m(…)` and of `a?.m(…)`. */
export function calledName(call: SyntaxNode | undefined): string {
  const callee = partOf(call, 'callee');
  if (callee?.type === 'Identifier') return wordOf(callee, 'name');
  return callee?.type === 'MemberExpression' ? wordOf(partOf(callee, 'property'), 'name') : '';
}
