/**
 * A filter given as text: a boolean expression of SQL over a table's columns. What compares columns with constants becomes
 * a predicate, which prunes files and row groups; everything else is left as text for the SQL engine.
 *
 * ```
 * or      = and { OR and }            test = [NOT] '(' or ')' | column compare constant | constant compare column
 * and     = not { AND not }                | column [NOT] IN '(' constant {, constant} ')' | column [NOT] BETWEEN c AND c
 * not     = { NOT } test                   | column IS [NOT] NULL
 * ```
 */
import { invalid, isLakeError } from '../base/errors.ts';
import { TokenCursor } from '../sql/parser/cursor.ts';
import { tokenize } from '../sql/parser/tokens.ts';
import type { DataField, RowType } from '../types/data-type.ts';
import type { CompareOp, Predicate } from '../types/predicate.ts';
import type { Scalar } from '../types/scalar.ts';
import { constantOf } from './where-constant.ts';

export type Filter =
  | { readonly kind: 'predicate'; readonly predicate: Predicate }
  /** Not of the simple kind. */
  | { readonly kind: 'sql'; readonly text: string };

const nestingDepthMax = 200;

const mirrored: Readonly<Record<CompareOp, CompareOp>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** @throws LakeError `invalid` LAKE_BAD_FILTER for text that is no expression at all, LAKE_UNKNOWN_COLUMN */
export function parseWhere(text: string, rowType: RowType): Filter {
  const tokens = tokensOf(text);
  const [first] = tokens;
  if (first === undefined || first.kind === 'end') throw badFilter(text, 'it is empty');
  checkOnePiece(text, tokens);
  const parser = new WhereParser(new TokenCursor(text, tokens), rowType);
  const predicate = parser.parse();
  return predicate === undefined ? { kind: 'sql', text } : { kind: 'predicate', predicate };
}

/** Whatever it is, it must stay within the parentheses that are put around it. */
function checkOnePiece(text: string, tokens: ReturnType<typeof tokenize>): void {
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'hint') throw badFilter(text, 'a hint has no place in it');
    if (token.kind !== 'symbol') continue;
    if (token.text === ';') throw badFilter(text, 'it has a semicolon');
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth < 0) throw badFilter(text, 'it closes a parenthesis that it has not opened');
  }
  if (depth > 0) throw badFilter(text, 'a parenthesis is not closed');
}

function tokensOf(text: string): ReturnType<typeof tokenize> {
  try {
    return tokenize(text);
  } catch (cause) {
    if (!isLakeError(cause)) throw cause;
    throw badFilter(text, cause.message, cause);
  }
}

/** `undefined` at any place: not of the simple kind. */
class WhereParser {
  readonly #cursor: TokenCursor;
  readonly #rowType: RowType;
  #depth = 0;

  constructor(cursor: TokenCursor, rowType: RowType) {
    this.#cursor = cursor;
    this.#rowType = rowType;
  }

  parse(): Predicate | undefined {
    const predicate = this.#or();
    return this.#cursor.peek().kind === 'end' ? predicate : undefined;
  }

  #or(): Predicate | undefined {
    return this.#list('or', 'OR', () => this.#and());
  }

  #and(): Predicate | undefined {
    return this.#list('and', 'AND', () => this.#not());
  }

  #list(kind: 'and' | 'or', word: string, item: () => Predicate | undefined): Predicate | undefined {
    const children: Predicate[] = [];
    do {
      const child = item();
      if (child === undefined) return undefined;
      children.push(child);
    } while (this.#cursor.take(word));
    return children.length === 1 ? children[0] : { kind, children };
  }

  #not(): Predicate | undefined {
    let negated = false;
    while (this.#cursor.take('NOT')) negated = !negated;
    const test = this.#test();
    return test === undefined || !negated ? test : { kind: 'not', child: test };
  }

  #test(): Predicate | undefined {
    if (this.#cursor.at('(')) return this.#nested();
    const column = this.#column();
    return column === undefined ? this.#constantFirst() : this.#columnFirst(column);
  }

  #nested(): Predicate | undefined {
    if (this.#depth >= nestingDepthMax) return undefined;
    this.#depth += 1;
    this.#cursor.expect('(');
    const inner = this.#or();
    this.#depth -= 1;
    return inner !== undefined && this.#cursor.take(')') ? inner : undefined;
  }

  #columnFirst(field: DataField): Predicate | undefined {
    const column = field.name;
    if (this.#cursor.take('IS', 'NOT', 'NULL')) return { kind: 'is-not-null', column };
    if (this.#cursor.take('IS', 'NULL')) return { kind: 'is-null', column };
    const negated = this.#cursor.take('NOT');
    const test = this.#inOrBetween(field) ?? (negated ? undefined : this.#comparison(field));
    return test === undefined || !negated ? test : { kind: 'not', child: test };
  }

  #inOrBetween(field: DataField): Predicate | undefined {
    const column = field.name;
    if (this.#cursor.take('IN')) {
      const values = this.#constants(field);
      return values === undefined ? undefined : { kind: 'in', column, values };
    }
    if (!this.#cursor.take('BETWEEN')) return undefined;
    const low = constantOf(this.#cursor, field.type);
    const high = this.#cursor.take('AND') ? constantOf(this.#cursor, field.type) : undefined;
    if (low === undefined || high === undefined) return undefined;
    return {
      kind: 'and',
      children: [
        { kind: 'compare', op: '>=', column, value: low },
        { kind: 'compare', op: '<=', column, value: high },
      ],
    };
  }

  #constants(field: DataField): readonly Scalar[] | undefined {
    if (!this.#cursor.take('(')) return undefined;
    const values: Scalar[] = [];
    do {
      const value = constantOf(this.#cursor, field.type);
      if (value === undefined) return undefined;
      values.push(value);
    } while (this.#cursor.take(','));
    return this.#cursor.take(')') ? values : undefined;
  }

  #comparison(field: DataField): Predicate | undefined {
    const op = this.#operator();
    const value = op === undefined ? undefined : constantOf(this.#cursor, field.type);
    return op === undefined || value === undefined ? undefined : { kind: 'compare', op, column: field.name, value };
  }

  /** `5 < delay`: which column it is must be known before the constant can be read. */
  #constantFirst(): Predicate | undefined {
    for (let ahead = 1; ahead <= 3; ahead += 1) {
      const field = this.#fieldAt(ahead);
      if (field === undefined) continue;
      const value = constantOf(this.#cursor, field.type);
      const op = value === undefined ? undefined : this.#operator();
      if (value === undefined || op === undefined || this.#column() !== field) return undefined;
      return { kind: 'compare', op: mirrored[op], column: field.name, value };
    }
    return undefined;
  }

  #operator(): CompareOp | undefined {
    const { kind, text } = this.#cursor.peek();
    const op = text === '!=' ? '<>' : text;
    if (kind !== 'symbol' || !isCompareOp(op)) return undefined;
    this.#cursor.next();
    return op;
  }

  #column(): DataField | undefined {
    const field = this.#fieldAt(0);
    if (field !== undefined) this.#cursor.next();
    return field;
  }

  #fieldAt(ahead: number): DataField | undefined {
    const { kind, text } = this.#cursor.peek(ahead);
    const next = this.#cursor.peek(ahead + 1);
    const isCall = next.kind === 'symbol' && (next.text === '(' || next.text === '.');
    if ((kind !== 'word' && kind !== 'quoted') || isCall) return undefined;
    const { fields } = this.#rowType;
    return (
      fields.find(field => field.name === text) ?? fields.find(field => field.name.toLowerCase() === text.toLowerCase())
    );
  }
}

function isCompareOp(text: string): text is CompareOp {
  return Object.hasOwn(mirrored, text);
}

function badFilter(text: string, why: string, cause?: unknown): Error {
  return invalid('LAKE_BAD_FILTER', `filter ${JSON.stringify(text)}: ${why}`, { cause });
}
