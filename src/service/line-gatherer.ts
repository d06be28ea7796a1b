/**
 * Lines of changes into batches of columns. The values of usual lines go straight from their bytes into columns
 * (`line-cutter.ts`, `written-columns.ts`); other lines, and rows of which some value is wrong, go through the parser of
 * `json-lines.ts`, so that what is taken and what is told of the first line that is not are the same on either way.
 */
import { AssertionError } from '../base/assert.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { concatBatches } from '../types/concat.ts';
import { batchBytes, type Column, isValid, makeRowBatch } from '../types/row-batch.ts';
import { isAdd } from '../types/row-kind.ts';
import { writtenColumns } from '../types/written-columns.ts';
import { type LineBlock, type LineOp, lineBlocks, lineParser } from './json-lines.ts';
import { LineCutter } from './line-cutter.ts';
import { type GatheredRows, RowGatherer } from './row-gatherer.ts';

export type LineStep = { readonly kind: 'rows'; readonly gathered: GatheredRows } | { readonly kind: 'commit' };

const batchRowsMax = 16_384;
const batchBytesMax = 8 * 1024 * 1024;
/** Rows whose values are looked for at a time. No power of two: the columns' places would share lines of the cache. */
const cutRowsMax = 4_000;
/** Values at a time, in tables of many columns. */
const cutValuesMax = 65_536;
/** Fewer rows before a line of another shape are parsed with it: columns of their own would cost more than they save. */
const cutRowsMin = 32;
const byteOrderMark = 0xfeff;

/**
 * Rows in their order, and the marks between them.
 *
 * @param input UTF-8, in pieces of any size
 * @throws LakeError `invalid` LAKE_BAD_LINE, LAKE_BAD_VALUE with the line's number
 */
export async function* gatherSteps(
  schema: TableSchema,
  label: string,
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<LineStep, void, undefined> {
  const gatherer = new LineGatherer(schema, label);
  for await (const block of lineBlocks(input)) yield* gatherer.gather(block);
  yield* gatherer.rest();
}

class LineGatherer {
  readonly #schema: TableSchema;
  readonly #parse: (line: string, lineNumber: number) => LineOp | undefined;
  readonly #cutter: LineCutter;
  readonly #makers: readonly ReturnType<typeof writtenColumns>[];
  /** Of lines that are not of the usual shape, and of the few between them. */
  readonly #parsed: RowGatherer;
  #batches: GatheredRows[] = [];
  #rowCount = 0;
  #bytes = 0;

  constructor(schema: TableSchema, label: string) {
    const { fields } = schema;
    this.#schema = schema;
    this.#parse = lineParser(schema, label);
    const rowsMax = Math.max(1, Math.min(cutRowsMax, Math.floor(cutValuesMax / fields.length)));
    this.#cutter = new LineCutter(
      fields.map(field => field.name),
      rowsMax,
    );
    this.#makers = fields.map(writtenColumns);
    this.#parsed = new RowGatherer({ fields });
  }

  *gather(block: LineBlock): Generator<LineStep, void, undefined> {
    const cutter = this.#cutter;
    cutter.begin(block.bytes);
    while (cutter.at < block.bytes.length) {
      const rowsMax = batchRowsMax - this.#rowCount - this.#parsed.rowCount;
      const isOdd = cutter.cut({ rowsMax, bytesMax: batchBytesMax });
      if (isOdd && cutter.rowCount < cutRowsMin) {
        this.#parseRows(block, this.#parsed);
      } else if (cutter.rowCount > 0) {
        this.#endParsed();
        this.#push(this.#cutRows(block));
      }
      if (isOdd) {
        const lineNumber = block.firstLine + cutter.lineCount;
        const text = textOf(cutter.takeLine());
        const op = this.#parse(lineNumber === 1 ? withoutMark(text) : text, lineNumber);
        if (op?.kind === 'row') this.#parsed.add(op.row, op.kindByte);
        if (op?.kind === 'commit') {
          yield* this.rest();
          yield op;
        }
      }
      const isFull =
        this.#rowCount + this.#parsed.rowCount >= batchRowsMax || this.#bytes + this.#parsed.bytes >= batchBytesMax;
      if (isFull) yield* this.rest();
    }
  }

  /** What has been gathered; it begins anew. */
  *rest(): Generator<LineStep, void, undefined> {
    this.#endParsed();
    const batches = this.#batches;
    this.#batches = [];
    this.#rowCount = 0;
    this.#bytes = 0;
    if (batches.length === 0) return;
    const rows = concatBatches(batches.map(batch => batch.rows));
    const kinds = new Int8Array(rows.rowCount);
    let at = 0;
    for (const batch of batches) {
      kinds.set(batch.kinds, at);
      at += batch.kinds.length;
    }
    yield { kind: 'rows', gathered: { rows, kinds } };
  }

  #endParsed(): void {
    if (this.#parsed.rowCount > 0) this.#push(this.#parsed.take());
  }

  #push(gathered: GatheredRows): void {
    this.#batches.push(gathered);
    this.#rowCount += gathered.rows.rowCount;
    this.#bytes += batchBytes(gathered.rows);
  }

  /** The rows that were cut. Where they cannot be made columns as they stand, the parser has the word. */
  #cutRows(block: LineBlock): GatheredRows {
    const { rowCount, kinds } = this.#cutter;
    const ownKinds = kinds.slice(0, rowCount);
    let columns: Column[] | undefined;
    try {
      columns = this.#makers.map((make, index) => make(this.#cutter.column(index)));
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      columns = undefined;
    }
    const rowType = { fields: this.#schema.fields };
    if (columns !== undefined && this.#fits(columns, ownKinds)) {
      return { rows: makeRowBatch(rowType, rowCount, columns), kinds: ownKinds };
    }
    const gatherer = new RowGatherer(rowType);
    this.#parseRows(block, gatherer);
    return gatherer.take();
  }

  /** Whether no column is null that must not be, and no row goes from a table that has no key to know it by. */
  #fits(columns: readonly Column[], kinds: Int8Array): boolean {
    const { fields, primaryKeys } = this.#schema;
    const areAdded = kinds.every(isAdd);
    if (!areAdded && primaryKeys.length === 0) return false;
    return columns.every((column, index) => {
      const field = fields[index];
      if (column.nullCount === 0 || field === undefined || field.type.nullable) return true;
      // Of a row that goes only the key must be there; few tables have such rows and such columns.
      return !(areAdded || primaryKeys.includes(field.name)) && nullsAreOfRemovals(column, kinds);
    });
  }

  /** The rows that were cut, by the parser. */
  #parseRows(block: LineBlock, gatherer: RowGatherer): void {
    for (let row = 0; row < this.#cutter.rowCount; row += 1) {
      const index = this.#cutter.lineIndexes[row] ?? 0;
      const line = textOf(this.#cutter.lineAt(this.#cutter.lineStarts[row] ?? 0));
      const op = this.#parse(line, block.firstLine + index);
      if (op?.kind === 'row') gatherer.add(op.row, op.kindByte);
    }
  }
}

function nullsAreOfRemovals(column: Column, kinds: Int8Array): boolean {
  return kinds.every((kind, row) => !isAdd(kind) || isValid(column, row));
}

function textOf(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
}

/** A mark of the byte order may stand before the first line. */
function withoutMark(line: string): string {
  return line.charCodeAt(0) === byteOrderMark ? line.slice(1) : line;
}
