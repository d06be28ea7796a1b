/** Walks over the tokens of one statement; every refusal says where it is and what was expected. */
import { syntaxError, type Token } from './tokens.ts';

export class TokenCursor {
  readonly sql: string;
  readonly #tokens: readonly Token[];
  #at: number;

  /**
   * @param tokens of one statement, the last one of kind `end`
   * @param at the token to begin with
   */
  constructor(sql: string, tokens: readonly Token[], at = 0) {
    this.sql = sql;
    this.#tokens = tokens;
    this.#at = at;
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1);
    if (token === undefined) throw syntaxError(this.sql, 0, 'the statement is empty');
    return token;
  }

  next(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  /** True when the next tokens are these words or symbols, in any case. */
  at(...texts: readonly string[]): boolean {
    return texts.every((text, ahead) => matches(this.peek(ahead), text));
  }

  /** Steps over these words or symbols if they come next. */
  take(...texts: readonly string[]): boolean {
    if (!this.at(...texts)) return false;
    this.#at += texts.length;
    return true;
  }

  expect(...texts: readonly string[]): void {
    for (const text of texts) if (!this.take(text)) throw this.error(`expected ${text}`);
  }

  /** A name, plain or quoted. */
  name(what: string): string {
    const token = this.next();
    if (token.kind === 'word' || token.kind === 'quoted') return token.text;
    throw syntaxError(this.sql, token.start, `expected ${what}, found ${describe(token)}`);
  }

  string(what: string): string {
    const token = this.next();
    if (token.kind === 'string') return token.text;
    throw syntaxError(this.sql, token.start, `expected ${what} in single quotes, found ${describe(token)}`);
  }

  integer(what: string): number {
    const token = this.next();
    if (token.kind === 'number' && /^\d{1,10}$/.test(token.text)) return Number(token.text);
    throw syntaxError(this.sql, token.start, `expected ${what}, a whole number, found ${describe(token)}`);
  }

  /** `a, b, c` inside parentheses. */
  parenthesised<T>(item: () => T): readonly T[] {
    this.expect('(');
    const items = [item()];
    while (this.take(',')) items.push(item());
    this.expect(')');
    return items;
  }

  end(): void {
    if (this.peek().kind !== 'end') throw this.error('expected the end of the statement');
  }

  error(message: string): Error {
    return syntaxError(this.sql, this.peek().start, `${message}, found ${describe(this.peek())}`);
  }
}

function matches(token: Token, text: string): boolean {
  if (token.kind === 'word') return token.text.toUpperCase() === text;
  return token.kind === 'symbol' && token.text === text;
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end';
    case 'string':
      return `'${token.text}'`;
    default:
      return `\`${token.text}\``;
  }
}
