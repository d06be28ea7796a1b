/**
 * Finds the values in lines of changes, `{"op":"+I","row":{"id":1,…}}`, without making anything of them: where the value
 * of each column begins and ends, and what it looks like by its first byte. A line of another shape (a mark, other members,
 * a name twice or of no column, escapes in a name, broken JSON) stops it, and is for `json-lines.ts`, the naive twin, to
 * read or refuse. Values are not checked here: who makes columns of them does.
 *
 * The places lie by column: the value of column c in row r is at `c * rowsMax + r`.
 */
import { assert } from '../base/assert.ts';
import { rowKindByte } from '../types/row-kind.ts';
import { type WrittenValues, writtenForm } from '../types/written-values.ts';

const [newline, quote, backslash, comma, colon, openBrace, closeBrace, openBracket, closeBracket] = [
  10, 34, 92, 44, 58, 123, 125, 91, 93,
] as const;
const [plus, minus, letterI, letterU, letterD, firstVisible] = [43, 45, 73, 85, 68, 32] as const;
const words = {
  op: asBytes('op'),
  row: asBytes('row'),
  yes: asBytes('true'),
  no: asBytes('false'),
  none: asBytes('null'),
};

export class LineCutter {
  /** Of each row its kind's byte. */
  readonly kinds: Int8Array;
  /** Where each row's line begins. */
  readonly lineStarts: Int32Array;
  /** Of each row, how many lines of the block come before its line. */
  readonly lineIndexes: Int32Array;
  rowCount = 0;
  /** Where the next line begins. */
  at = 0;
  /** Lines passed, empty ones too. */
  lineCount = 0;
  readonly #rowsMax: number;
  readonly #names: readonly Uint8Array[];
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #forms: Uint8Array;
  #bytes: Uint8Array = new Uint8Array();

  constructor(columnNames: readonly string[], rowsMax: number) {
    assert(rowsMax >= 1, 'room for a row');
    this.#names = columnNames.map(asBytes);
    this.#rowsMax = rowsMax;
    this.kinds = new Int8Array(rowsMax);
    this.lineStarts = new Int32Array(rowsMax);
    this.lineIndexes = new Int32Array(rowsMax);
    this.#starts = new Int32Array(rowsMax * columnNames.length);
    this.#ends = new Int32Array(rowsMax * columnNames.length);
    this.#forms = new Uint8Array(rowsMax * columnNames.length);
  }

  /** @param bytes whole lines, UTF-8, each with its end but maybe the last; below 2^31 of them */
  begin(bytes: Uint8Array): void {
    assert(bytes.length < 2 ** 31, 'places in a block of lines fit 32 bits');
    this.#bytes = bytes;
    this.at = 0;
    this.lineCount = 0;
    this.rowCount = 0;
  }

  /**
   * Cuts lines from `at` on: until there are so many rows or bytes, the block ends, or a line is not of the usual shape.
   * @returns whether such a line is at `at`
   */
  cut({ rowsMax, bytesMax }: { readonly rowsMax: number; readonly bytesMax: number }): boolean {
    const bytes = this.#bytes;
    const end = Math.min(bytes.length, this.at + bytesMax);
    const count = Math.min(rowsMax, this.#rowsMax);
    this.rowCount = 0;
    while (this.at < end && this.rowCount < count) {
      if (bytes[this.at] === newline) {
        this.at += 1;
      } else {
        const next = this.#cutLine(this.rowCount);
        if (next < 0) return true;
        this.lineStarts[this.rowCount] = this.at;
        this.lineIndexes[this.rowCount] = this.lineCount;
        this.rowCount += 1;
        this.at = next;
      }
      this.lineCount += 1;
    }
    return false;
  }

  /** Passes over the line that stopped it. @returns its bytes, without their end */
  takeLine(): Uint8Array {
    const line = this.lineAt(this.at);
    this.at += line.length + 1;
    this.lineCount += 1;
    return line;
  }

  /** The line that begins there, without its end. */
  lineAt(start: number): Uint8Array {
    const end = this.#bytes.indexOf(newline, start);
    return this.#bytes.subarray(start, end < 0 ? this.#bytes.length : end);
  }

  /** The values of a column in the rows that were cut; good until the next `cut`. */
  column(index: number): WrittenValues {
    const from = index * this.#rowsMax;
    const end = from + this.rowCount;
    return {
      bytes: this.#bytes,
      rowCount: this.rowCount,
      starts: this.#starts.subarray(from, end),
      ends: this.#ends.subarray(from, end),
      forms: this.#forms.subarray(from, end),
    };
  }

  /** @returns where the next line begins; -1 when this one is not of the usual shape */
  #cutLine(row: number): number {
    const bytes = this.#bytes;
    let at = passByte(bytes, passBlanks(bytes, this.at), openBrace);
    at = passName(bytes, at, words.op);
    const kind = at >= 0 && bytes[at] === quote ? kindAt(bytes, at + 1) : -1;
    if (kind < 0) return -1;
    this.kinds[row] = kind;
    at = passByte(bytes, passByte(bytes, at + 3, quote), comma);
    at = passByte(bytes, passName(bytes, at, words.row), openBrace);
    at = at < 0 ? -1 : this.#cutValues(at, row);
    at = passByte(bytes, at, closeBrace);
    if (at < 0) return -1;
    return at >= bytes.length ? at : bytes[at] === newline ? at + 1 : -1;
  }

  /** The members of the row, from behind its brace to behind the other. */
  #cutValues(from: number, row: number): number {
    const bytes = this.#bytes;
    const columnCount = this.#names.length;
    for (let column = 0; column < columnCount; column += 1) this.#forms[column * this.#rowsMax + row] = unseen;
    let at = from;
    if (bytes[at] === closeBrace) {
      at = passBlanks(bytes, at + 1);
    } else {
      let column = -1;
      for (;;) {
        column = bytes[at] === quote ? this.#columnAt(at + 1, column + 1) : -1;
        if (column < 0) return -1;
        const place = column * this.#rowsMax + row;
        if (this.#forms[place] !== unseen) return -1;
        const nameEnd = at + 1 + (this.#names[column]?.length ?? 0);
        at = passByte(bytes, passByte(bytes, nameEnd, quote), colon);
        at = at < 0 ? -1 : this.#cutValue(at, place);
        if (at < 0) return -1;
        const next = bytes[at];
        at = passBlanks(bytes, at + 1);
        if (next === closeBrace) break;
        if (next !== comma) return -1;
      }
    }
    for (let column = 0; column < columnCount; column += 1) {
      const place = column * this.#rowsMax + row;
      if (this.#forms[place] !== unseen) continue;
      this.#starts[place] = 0;
      this.#ends[place] = 0;
      this.#forms[place] = writtenForm.none;
    }
    return at;
  }

  /** The column whose name is here and ends with a quote: most likely the one after the last. -1: it is of none. */
  #columnAt(at: number, likely: number): number {
    const count = this.#names.length;
    for (let i = 0; i < count; i += 1) {
      const column = (likely + i) % count;
      const name = this.#names[column];
      if (name !== undefined && isAt(this.#bytes, at, name) && this.#bytes[at + name.length] === quote) return column;
    }
    return -1;
  }

  /** Notes down the value here. @returns the place of what follows it, blanks passed over; -1: it is no value */
  #cutValue(at: number, place: number): number {
    const bytes = this.#bytes;
    const first = bytes[at] ?? 0;
    let start = at;
    let end = -1;
    let next = -1;
    let form: number = writtenForm.number;
    if (first === quote) {
      start = at + 1;
      end = endOfText(bytes, start);
      form = end >= 0 ? writtenForm.text : writtenForm.escapedText;
      if (end < 0) end = endOfEscaped(bytes, start);
      next = end < 0 ? -1 : end + 1;
    } else if (isNumberByte(first)) {
      end = at + 1;
      while (isNumberByte(bytes[end] ?? 0)) end += 1;
      next = end;
    } else if (first === openBrace || first === openBracket) {
      end = endOfNested(bytes, at);
      form = writtenForm.nested;
      next = end;
    } else {
      form = wordForm(bytes, at);
      next = form < 0 ? -1 : at + (form === writtenForm.no ? words.no.length : words.yes.length);
      end = next;
    }
    if (next < 0) return -1;
    this.#starts[place] = start;
    this.#ends[place] = form === writtenForm.none ? start : end;
    this.#forms[place] = form;
    return passBlanks(bytes, next);
  }
}

/** The form of a value that has not come. */
const unseen = 0xff;

/** Control characters and non-ASCII of it never meet: such a name is found by no bytes of JSON's, and goes the slow way. */
function asBytes(text: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(text).slice(1, -1) === text ? text : '\n');
}

/** Blanks of JSON but the end of the line. */
function passBlanks(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === firstVisible || bytes[at] === 13 || bytes[at] === 9) at += 1;
  return at;
}

/** Behind a byte that must be here, and blanks after it; -1 when another is, or `at` is -1. */
function passByte(bytes: Uint8Array, at: number, byte: number): number {
  return at >= 0 && bytes[at] === byte ? passBlanks(bytes, at + 1) : -1;
}

/** Behind a member's name and its colon. */
function passName(bytes: Uint8Array, at: number, name: Uint8Array): number {
  if (at < 0 || bytes[at] !== quote || !isAt(bytes, at + 1, name)) return -1;
  return passByte(bytes, passByte(bytes, at + 1 + name.length, quote), colon);
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i += 1) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/** The byte of the row kind whose two characters are here. */
function kindAt(bytes: Uint8Array, at: number): number {
  const [sign, letter] = [bytes[at], bytes[at + 1]];
  if (sign === plus) return letter === letterI ? rowKindByte['+I'] : letter === letterU ? rowKindByte['+U'] : -1;
  if (sign !== minus) return -1;
  return letter === letterD ? rowKindByte['-D'] : letter === letterU ? rowKindByte['-U'] : -1;
}

/** Digits, signs, points and exponents, in whatever order. */
function isNumberByte(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || byte === minus || byte === 46 || byte === plus || byte === 101 || byte === 69;
}

/** The place of the quote that ends a text without escapes; -1: it has some, or does not end. */
function endOfText(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at;
    if (byte === backslash || byte < firstVisible) return -1;
    at += 1;
  }
}

function endOfEscaped(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at;
    if (byte < firstVisible) return -1;
    at += byte === backslash ? 2 : 1;
  }
}

/** Behind the brace or bracket that closes the one here; what lies between is not looked at. */
function endOfNested(bytes: Uint8Array, start: number): number {
  let depth = 0;
  let at = start;
  for (;;) {
    const byte = bytes[at] ?? newline;
    if (byte === newline) return -1;
    at += 1;
    if (byte === quote) {
      const end = endOfEscaped(bytes, at);
      if (end < 0) return -1;
      at = end + 1;
    } else if (byte === openBrace || byte === openBracket) {
      depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
}

function wordForm(bytes: Uint8Array, at: number): number {
  if (isAt(bytes, at, words.none)) return writtenForm.none;
  if (isAt(bytes, at, words.yes)) return writtenForm.yes;
  return isAt(bytes, at, words.no) ? writtenForm.no : -1;
}
