/**
 * The mutants of one source file. Left out is what has no behaviour to be tested: types, imports, the text of messages for
 * people, `assert`, which states what cannot be otherwise, and the counting of a loop up to a limit that has a name.
 */
import { type Change, changesOf } from './operators.ts';
import { calledName, childNodes, parseTypeScript, partOf, partsOf, type SyntaxNode, wordOf } from './syntax.ts';

export type Mutant = {
  readonly id: number;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly operator: string;
  /** Names of the functions and classes around it. */
  readonly within: string;
  readonly original: string;
  readonly replacement: string;
  /** Which of several that are alike in all of the above; from 1. */
  readonly occurrence: number;
  readonly kind: Change['kind'];
  /** What stands in its place. */
  readonly code: string;
  readonly start: number;
  readonly end: number;
};

export type MessagePlaces = {
  /** Functions all of whose arguments are left out. */
  readonly wholeCalls: readonly string[];
  /** Functions and the index of the argument that is for people. */
  readonly argumentIndexes: Readonly<Record<string, number>>;
  /** Properties and variables that hold such a text. */
  readonly names: readonly string[];
};

type Place = {
  readonly parent: SyntaxNode | undefined;
  readonly part: string;
  readonly names: readonly string[];
  readonly returnType: string | undefined;
  /** Whether the node is an inner part of an optional chain. */
  readonly isLink: boolean;
};

const transparentTypes: ReadonlySet<string> = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
]);
const functionTypes: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
]);
const keyParts: ReadonlySet<string> = new Set(['key', 'property']);
const textCharsMax = 160;

/** @param firstId the mutants are numbered from here */
export function findMutants(file: string, text: string, messages: MessagePlaces, firstId: number): readonly Mutant[] {
  const mutants: Mutant[] = [];
  const alike = new Map<string, number>();
  const add = ({ node, operator, kind, replacement: code }: Change, place: Place): void => {
    const { start, end } = node;
    const described = {
      file,
      operator,
      within: place.names.join('.'),
      original: shortened(text.slice(start, end)),
      replacement: kind === 'statement' ? '(left out)' : shortened(code),
    };
    const key = JSON.stringify(described);
    const occurrence = (alike.get(key) ?? 0) + 1;
    alike.set(key, occurrence);
    const line = text.slice(0, start).split('\n').length;
    mutants.push({ ...described, id: firstId + mutants.length, line, occurrence, kind, code, start, end });
  };
  const visit = (node: SyntaxNode, place: Place): void => {
    if (isLeftOut(node, place, messages)) return;
    if (!place.isLink) for (const change of changesOf(node, { text, ...place })) add(change, place);
    const inside = placeInside(node, place, text);
    for (const { node: child, part } of childNodes(node)) {
      visit(child, { ...inside, parent: node, part, isLink: isLink(node, part, place) });
    }
  };
  visit(parseTypeScript(text), { parent: undefined, part: '', names: [], returnType: undefined, isLink: false });
  return mutants;
}

function isLeftOut(node: SyntaxNode, { parent, part }: Place, messages: MessagePlaces): boolean {
  if (node.type.startsWith('TS') && !transparentTypes.has(node.type)) return true;
  if (/^(?:Import|ExportAll)/.test(node.type)) return true;
  if (part === 'source') return true;
  if (parent === undefined) return false;
  if (keyParts.has(part) && parent['computed'] !== true) return true;
  const call = node.type === 'ExpressionStatement' ? partOf(node, 'expression') : node;
  if (call?.type === 'CallExpression' && messages.wholeCalls.includes(calledName(call))) return true;
  if (part === 'arguments') {
    const called = parent.type === 'NewExpression' ? wordOf(partOf(parent, 'callee'), 'name') : calledName(parent);
    return messages.argumentIndexes[called] === partsOf(parent, 'arguments').indexOf(node);
  }
  if (parent.type === 'ForStatement' && part !== 'body' && isBounded(parent)) return true;
  const name = wordOf(partOf(parent, parent.type === 'VariableDeclarator' ? 'id' : 'key'), 'name');
  return (part === 'init' || part === 'value') && messages.names.includes(name);
}

/** A loop up to a limit with a name (`tries < readTriesMax`): one turn more or less is no behaviour. */
function isBounded(loop: SyntaxNode): boolean {
  return /(?:Max|Min)$/.test(wordOf(partOf(partOf(loop, 'test'), 'right'), 'name'));
}

/** Within `a?.b.c` only the whole may be put into brackets: `(a?.b).c` is not the same. */
function isLink(node: SyntaxNode, part: string, place: Place): boolean {
  const isChained = place.isLink || place.parent?.type === 'ChainExpression';
  return isChained && (part === 'object' || part === 'callee') && /^(?:Member|Call)/.test(node.type);
}

function placeInside(node: SyntaxNode, place: Place, text: string): Pick<Place, 'names' | 'returnType'> {
  const { names } = place;
  const name = nameOf(node);
  const inner = name === '' ? names : [...names, name];
  if (!functionTypes.has(node.type)) return { names: inner, returnType: place.returnType };
  const annotation = partOf(partOf(node, 'returnType'), 'typeAnnotation');
  if (annotation === undefined) return { names: inner, returnType: undefined };
  const type = text.slice(annotation.start, annotation.end).replaceAll(/\s+/g, ' ');
  return { names: inner, returnType: type.replace(/^Promise<(.*)>$/, '$1') };
}

/** What a node that others are in is called. */
function nameOf(node: SyntaxNode): string {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return wordOf(partOf(node, 'id'), 'name');
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return wordOf(partOf(node, 'key'), 'name');
    case 'VariableDeclarator':
      return wordOf(partOf(node, 'id'), 'name');
    default:
      return '';
  }
}

function shortened(text: string): string {
  const oneLine = text.replaceAll(/\s+/g, ' ').trim();
  return oneLine.length > textCharsMax ? `${oneLine.slice(0, textCharsMax)}…` : oneLine;
}
