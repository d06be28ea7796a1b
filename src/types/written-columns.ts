/**
 * Values in canonical JSON, as they stand in lines of text, straight into columns: a kernel for each type that is common
 * (`written-integers.ts` and its neighbours), and for all others, and for what a kernel does not take, the parser of one value
 * after the other (`canonical-parse.ts`), which says what is right and what is wrong.
 */
import { parseJson } from '../base/json.ts';
import { canonicalValueParser } from './canonical-parse.ts';
import { type ColumnBuffers, makeColumn } from './column-buffers.ts';
import { ColumnBuilder } from './column-builder.ts';
import type { DataField, DataType } from './data-type.ts';
import type { Column } from './row-batch.ts';
import type { Scalar } from './scalar.ts';
import { writtenDoubles } from './written-doubles.ts';
import { writtenBooleans, writtenDecimals, writtenInts, writtenLongs } from './written-integers.ts';
import { writtenTexts } from './written-texts.ts';
import { writtenDates, writtenTimestamps } from './written-times.ts';
import { type WrittenValues, writtenForm } from './written-values.ts';

/** A column of written values, null where there is none, whatever the type says of nulls. Make it once for a field. */
export type WrittenColumnMaker = (written: WrittenValues) => Column;

/** @throws what it gives: SyntaxError, LakeError `invalid` LAKE_BAD_VALUE, for one of the values that are wrong */
export function writtenColumns(field: DataField): WrittenColumnMaker {
  const parse = canonicalValueParser(field);
  return written => {
    const buffers = plainBuffers(field.type, written);
    return buffers === undefined
      ? parsedColumn(field, written, parse)
      : makeColumn(field.type, written.rowCount, buffers);
  };
}

/** Undefined: there is no kernel for the type, or some value is none that it takes. */
function plainBuffers(type: DataType, written: WrittenValues): ColumnBuffers | undefined {
  const { rowCount } = written;
  switch (type.kind) {
    case 'boolean':
      return writtenBooleans(written);
    case 'tinyint':
      return writtenInts(written, new Int8Array(rowCount), 0x7f);
    case 'smallint':
      return writtenInts(written, new Int16Array(rowCount), 0x7fff);
    case 'int':
      return writtenInts(written, new Int32Array(rowCount), 0x7fff_ffff);
    case 'bigint':
      return writtenLongs(written);
    case 'float':
      return writtenDoubles(written, new Float32Array(rowCount));
    case 'double':
      return writtenDoubles(written, new Float64Array(rowCount));
    case 'decimal':
      return writtenDecimals(written, type);
    case 'char':
    case 'varchar':
      return writtenTexts(written);
    case 'date':
      return writtenDates(written);
    case 'timestamp':
    case 'timestamp-ltz':
      return type.precision <= 6 ? writtenTimestamps(written, type.precision) : undefined;
    default:
      return undefined;
  }
}

/** The naive twin: a text, a value of JSON, a scalar for each row. */
export function parsedColumn(field: DataField, written: WrittenValues, parse: (value: unknown) => Scalar): Column {
  const { bytes, starts, ends, forms, rowCount } = written;
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const builder = new ColumnBuilder(field.type);
  for (let row = 0; row < rowCount; row += 1) {
    const form = forms[row];
    const quotes = form === writtenForm.text || form === writtenForm.escapedText ? 1 : 0;
    builder.append(
      form === writtenForm.none
        ? null
        : scalarOf(texts.toString('utf8', (starts[row] ?? 0) - quotes, (ends[row] ?? 0) + quotes), parse),
    );
  }
  return builder.finish();
}

function scalarOf(json: string, parse: (value: unknown) => Scalar): Scalar {
  return parse(parseJson(json));
}
