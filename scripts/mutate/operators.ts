/**
 * What is changed in a program to see whether a test notices: each operator takes a node and gives what could stand in its
 * place. A change that another one of the same node makes superfluous is left out: with `true` and `false` tried for a
 * comparison, its negation would be noticed by the same tests.
 */
import { calledName, partOf, partsOf, type SyntaxNode, wordOf } from './syntax.ts';

export type Change = {
  readonly operator: string;
  /** What is replaced; the node itself unless it says so. */
  readonly node: SyntaxNode;
  /** The text that takes the place; for a statement, that it is left out. */
  readonly replacement: string;
  readonly kind: 'expression' | 'statement';
};

export type Surroundings = {
  readonly text: string;
  readonly parent: SyntaxNode | undefined;
  /** Which part of the parent the node is. */
  readonly part: string;
  /** The declared type of what the nearest function returns, without `Promise<…>`. */
  readonly returnType: string | undefined;
};

type Operator = (node: SyntaxNode, around: Surroundings) => readonly Omit<Change, 'kind' | 'operator'>[];

const boundaries: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const equalities: ReadonlySet<string> = new Set(['===', '!==', '==', '!=']);
const opposites: Readonly<Record<string, string>> = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*' };
const assignments: Readonly<Record<string, string>> = { '+=': '-=', '-=': '+=', '*=': '/=', '/=': '*=' };
/** Methods without which the receiver is what remains. */
const narrowing: ReadonlySet<string> = new Set([
  'filter',
  'toSorted',
  'toReversed',
  'slice',
  'subarray',
  'trim',
  'take',
]);
const otherMethods: ReadonlyMap<string, string> = new Map([
  ['every', 'some'],
  ['some', 'every'],
  ['max', 'min'],
  ['min', 'max'],
]);

const expressionOperators: Readonly<Record<string, Operator>> = {
  condition: (node, around) => {
    const isTest =
      around.part === 'test' && ['IfStatement', 'ConditionalExpression'].includes(around.parent?.type ?? '');
    const isLoop = around.part === 'test' && /^(For|While|DoWhile)/.test(around.parent?.type ?? '');
    const isAnswer = isComparison(node) || isNegation(node) || isConjunction(node);
    if (isLoop) return [{ node, replacement: 'false' }];
    if (!isTest && (!isAnswer || isOperand(around))) return [];
    return ['true', 'false'].map(replacement => ({ node, replacement }));
  },
  boundary: (node, { text }) => swapped(node, boundaries[wordOf(node, 'operator')], text),
  arithmetic: (node, { text }) => {
    const others = node.type === 'AssignmentExpression' ? assignments : opposites;
    return swapped(node, others[wordOf(node, 'operator')], text);
  },
  logic: (node, { text }) => {
    if (!isConjunction(node)) return [];
    const [left, right] = [partOf(node, 'left'), partOf(node, 'right')];
    const other = wordOf(node, 'operator') === '&&' ? '||' : '&&';
    if (left === undefined || right === undefined) return [];
    return [
      { node, replacement: sourceOf(left, text) },
      { node, replacement: sourceOf(right, text) },
      { node, replacement: `(${sourceOf(left, text)}) ${other} (${sourceOf(right, text)})` },
    ];
  },
  negation: (node, { text }) => {
    const argument = partOf(node, 'argument');
    const isMinus = node.type === 'UnaryExpression' && wordOf(node, 'operator') === '-' && argument?.type !== 'Literal';
    return isMinus && argument !== undefined ? [{ node, replacement: sourceOf(argument, text) }] : [];
  },
  fallback: (node, { text }) => {
    const left = partOf(node, 'left');
    const isFallback = node.type === 'LogicalExpression' && wordOf(node, 'operator') === '??';
    return isFallback && left !== undefined ? [{ node, replacement: sourceOf(left, text) }] : [];
  },
  chaining: (node, { text }) => {
    if (node.type !== 'ChainExpression') return [];
    return optionalPlaces(node, text).map(({ from, to, plain }) => ({
      node,
      replacement: `${text.slice(node.start, from)}${plain}${text.slice(to, node.end)}`,
    }));
  },
  method: (node, { text }) => methodChanges(node, text),
  number: node => {
    const { value, bigint } = node;
    if (node.type !== 'Literal') return [];
    if (typeof bigint === 'string') return [1n, -1n].map(by => ({ node, replacement: `${BigInt(bigint) + by}n` }));
    return typeof value === 'number' ? [1, -1].map(by => ({ node, replacement: String(value + by) })) : [];
  },
  boolean: node =>
    node.type === 'Literal' && typeof node['value'] === 'boolean'
      ? [{ node, replacement: String(!node['value']) }]
      : [],
  text: node => {
    const isText = node.type === 'Literal' && typeof node['value'] === 'string' && node['value'] !== '';
    const isTemplate = node.type === 'TemplateLiteral' && node.end - node.start > 2;
    return isText || isTemplate ? [{ node, replacement: "''" }] : [];
  },
  array: (node, { text }) => {
    const elements = partsOf(node, 'elements');
    if (node.type !== 'ArrayExpression' || elements.length === 0) return [];
    const reversed = `[${elements.toReversed().map(element => sourceOf(element, text))}]`;
    const isOrdered = elements.length > 1 && elements.some(({ type }) => type === 'SpreadElement');
    return [{ node, replacement: '[]' }, ...(isOrdered ? [{ node, replacement: reversed }] : [])];
  },
  spread: (node, { text }) => {
    const properties = partsOf(node, 'properties');
    if (node.type !== 'ObjectExpression' || properties.length < 2) return [];
    const [spreads, others] = [properties.filter(isSpread), properties.filter(property => !isSpread(property))];
    if (spreads.length === 0 || others.length === 0) return [];
    const moved = [...others, ...spreads].map(property => sourceOf(property, text)).join(', ');
    return isSpread(properties.at(-1)) ? [] : [{ node, replacement: `{ ${moved} }` }];
  },
  result: (node, { text, part, parent, returnType }) => {
    const isResult = (parent?.type === 'ReturnStatement' && part === 'argument') || isArrowBody(node, part, parent);
    if (!isResult || returnType === undefined || isComparison(node)) return [];
    return emptyResults(returnType)
      .filter(replacement => replacement !== sourceOf(node, text))
      .map(replacement => ({ node, replacement }));
  },
};

const statementOperators: Readonly<Record<string, Operator>> = {
  statement: (node, { parent, part }) => {
    // The only thing that an `if` does: the same as its condition made false.
    const isWholeBranch =
      (parent?.type === 'IfStatement' && part === 'consequent' && partOf(parent, 'alternate') === undefined) ||
      parent?.type === 'SwitchCase';
    const removable = ['ExpressionStatement', 'ThrowStatement', 'ContinueStatement', 'BreakStatement'];
    if (!removable.includes(node.type) || (isWholeBranch && node.type !== 'ExpressionStatement')) return [];
    return isWholeBranch && parent.type === 'IfStatement' ? [] : [{ node, replacement: '' }];
  },
};

/** Every change of this one node. */
export function changesOf(node: SyntaxNode, around: Surroundings): readonly Change[] {
  const expressions = Object.entries(expressionOperators).flatMap(([operator, of]) =>
    of(node, around).map(change => ({ ...change, operator, kind: 'expression' as const })),
  );
  const statements = Object.entries(statementOperators).flatMap(([operator, of]) =>
    of(node, around).map(change => ({ ...change, operator, kind: 'statement' as const })),
  );
  const seen = new Set<string>();
  return [...expressions, ...statements].filter(({ replacement }) => {
    const isNew = !seen.has(replacement);
    seen.add(replacement);
    return isNew;
  });
}

function methodChanges(node: SyntaxNode, text: string): readonly { node: SyntaxNode; replacement: string }[] {
  const callee = partOf(node, 'callee');
  const object = partOf(callee, 'object');
  if (node.type !== 'CallExpression' || callee?.type !== 'MemberExpression' || object === undefined) return [];
  const name = calledName(node);
  const given = text.slice(callee.end, node.end);
  const receiver = sourceOf(object, text);
  const isMath = receiver === 'Math';
  if (narrowing.has(name) && (name !== 'filter' || given !== '()')) return [{ node, replacement: receiver }];
  const other = otherMethods.get(name);
  if (other !== undefined && isMath === /^m/.test(name)) return [{ node, replacement: `${receiver}.${other}${given}` }];
  if (name === 'at' && given === '(-1)') return [{ node, replacement: `${receiver}.at(0)` }];
  return [];
}

function swapped(
  node: SyntaxNode,
  operator: string | undefined,
  text: string,
): readonly { node: SyntaxNode; replacement: string }[] {
  const [left, right] = [partOf(node, 'left'), partOf(node, 'right')];
  if (operator === undefined || left === undefined || right === undefined) return [];
  return [{ node, replacement: `${sourceOf(left, text)} ${operator} ${sourceOf(right, text)}` }];
}

function emptyResults(type: string): readonly string[] {
  if (type.endsWith('[]')) return ['[]'];
  if (/^(?:Readonly)?Map</.test(type)) return ['new Map()'];
  if (/^(?:Readonly)?Set</.test(type)) return ['new Set()'];
  if (/(?:^|\| )undefined$/.test(type)) return ['undefined'];
  const simple: Readonly<Record<string, readonly string[]>> = {
    boolean: ['true', 'false'],
    number: ['0'],
    bigint: ['0n'],
    string: ["''"],
  };
  return simple[type] ?? [];
}

function optionalPlaces(node: SyntaxNode, text: string): readonly { from: number; to: number; plain: string }[] {
  const found: { from: number; to: number; plain: string }[] = [];
  let link = partOf(node, 'expression');
  while (link !== undefined) {
    const base = partOf(link, link.type === 'CallExpression' ? 'callee' : 'object');
    if (link['optional'] === true && base !== undefined) {
      const from = text.indexOf('?.', base.end);
      found.push({ from, to: from + 2, plain: /[[(]/.test(text[from + 2] ?? '') ? '' : '.' });
    }
    link = base;
  }
  return found;
}

function isComparison(node: SyntaxNode): boolean {
  const operator = wordOf(node, 'operator');
  return node.type === 'BinaryExpression' && (equalities.has(operator) || operator in boundaries);
}

function isNegation(node: SyntaxNode): boolean {
  return node.type === 'UnaryExpression' && wordOf(node, 'operator') === '!';
}

function isConjunction(node: SyntaxNode): boolean {
  return node.type === 'LogicalExpression' && wordOf(node, 'operator') !== '??';
}

/** With the operand dropped, `true` or `false` in its place has been tried. */
function isOperand({ parent }: Surroundings): boolean {
  return parent !== undefined && (isConjunction(parent) || isNegation(parent));
}

function isSpread(node: SyntaxNode | undefined): boolean {
  return node?.type === 'SpreadElement';
}

function isArrowBody(node: SyntaxNode, part: string, parent: SyntaxNode | undefined): boolean {
  return parent?.type === 'ArrowFunctionExpression' && part === 'body' && node.type !== 'BlockStatement';
}

function sourceOf(node: SyntaxNode, text: string): string {
  return text.slice(node.start, node.end);
}
