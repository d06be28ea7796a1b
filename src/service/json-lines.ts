/**
 * Changes as lines of JSON, the form of the command line: `{"op":"+I","row":{…}}` with values in canonical JSON, and
 * `{"op":"commit"}`. Read in pieces, so that memory does not depend on the input's length.
 */
import { isUtf8 } from 'node:buffer';
import { invalid, isLakeError } from '../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson, shownJson } from '../base/json.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { canonicalParser } from '../types/canonical-json.ts';
import { withNullable } from '../types/data-type.ts';
import { type RowKind, rowKindByte } from '../types/row-kind.ts';
import type { Scalar } from '../types/scalar.ts';

export type LineOp =
  | { readonly kind: 'row'; readonly kindByte: number; readonly row: readonly Scalar[] }
  | { readonly kind: 'commit' };

const shownOpLengthMax = 80;
const lineBytesMax = 64 * 1024 * 1024;
const newline = 10;

/** Whole lines: UTF-8, each with its end but maybe the last of all. */
export type LineBlock = {
  readonly bytes: Uint8Array;
  /** The number of its first line, counted from 1. */
  readonly firstLine: number;
};

/**
 * @param input UTF-8, in pieces of any size
 * @throws LakeError `invalid` LAKE_BAD_LINE with the line's number
 */
export async function* lineBlocks(input: AsyncIterable<Uint8Array>): AsyncGenerator<LineBlock, void, undefined> {
  let rest: Uint8Array = new Uint8Array();
  let firstLine = 1;
  for await (const piece of input) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(newline) + 1;
    rest = bytes.subarray(end);
    const block = { bytes: bytes.subarray(0, end), firstLine };
    if (end > 0) firstLine += lineCountOf(block.bytes);
    if (rest.length > lineBytesMax) throw badLine(`line ${firstLine}`, `it is longer than ${lineBytesMax} bytes`);
    if (end > 0) yield checked(block);
  }
  if (rest.length > 0) yield checked({ bytes: rest, firstLine });
}

function lineCountOf(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count += 1;
  return count;
}

function checked(block: LineBlock): LineBlock {
  if (isUtf8(block.bytes)) return block;
  throw badLine(`line ${block.firstLine}`, 'it, or a line soon after, is not UTF-8');
}

/** Reads lines of one table's changes. Empty lines are passed over (undefined). */
export function lineParser(
  schema: TableSchema,
  label: string,
): (line: string, lineNumber: number) => LineOp | undefined {
  const parse = changeParser(schema, label, 'line');
  return (line, lineNumber) => {
    if (line === '' || line === '\r') return undefined;
    return parse(jsonOfLine(line, lineNumber), lineNumber);
  };
}

/**
 * Reads one table's changes, each a value of JSON.
 *
 * @param word for messages: what is counted by the number
 * @throws what it gives: LakeError `invalid` LAKE_BAD_LINE, LAKE_BAD_VALUE with the number
 */
export function changeParser(
  schema: TableSchema,
  label: string,
  word: string,
): (json: JsonValue, number: number) => LineOp {
  const parseRow = canonicalParser({ fields: schema.fields });
  // A row that goes needs no more than its key.
  const parseKey = canonicalParser({
    fields: schema.fields.map(field =>
      schema.primaryKeys.includes(field.name) ? field : { ...field, type: withNullable(field.type, true) },
    ),
  });
  const isKeyed = schema.primaryKeys.length > 0;
  return (json, number) => {
    const bad = (why: string): Error => badLine(`${word} ${number}`, why);
    if (!isJsonObject(json)) throw bad('it is not an object such as {"op":"+I","row":{…}}');
    const { op, row } = json;
    if (op === 'commit') return { kind: 'commit' };
    if (!isRowKind(op)) throw bad(`op ${shown(op)} is not +I, -U, +U, -D or commit`);
    if (!isJsonObject(row)) throw bad('row must be an object with the columns of the table');
    const isRemoval = op === '-U' || op === '-D';
    if (isRemoval && !isKeyed) throw bad(`${label} has no primary key: it takes +I rows only`);
    try {
      return { kind: 'row', kindByte: rowKindByte[op], row: isRemoval ? parseKey(row) : parseRow(row) };
    } catch (cause) {
      if (!isLakeError(cause)) throw cause;
      throw invalid(cause.code, `${word} ${number}: ${cause.message}`, { cause });
    }
  };
}

/** Integers of so many digits may be beyond what a number holds exactly; only then the slower parser is needed. */
const longInteger = /\d{16}/;

/** @throws LakeError `invalid` LAKE_BAD_LINE with the number */
export function jsonOfLine(line: string, lineNumber: number): JsonValue {
  try {
    return longInteger.test(line) ? parseJson(line) : JSON.parse(line);
  } catch (cause) {
    const why = `it is not JSON (${cause instanceof Error ? cause.message : 'broken'})`;
    throw badLine(`line ${lineNumber}`, why, cause);
  }
}

function isRowKind(op: JsonValue | undefined): op is RowKind {
  return typeof op === 'string' && Object.hasOwn(rowKindByte, op);
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? '(missing)' : shownJson(value, shownOpLengthMax);
}

function badLine(where: string, why: string, cause?: unknown): Error {
  return invalid('LAKE_BAD_LINE', `${where}: ${why}`, { cause });
}
