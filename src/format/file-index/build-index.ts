/** The indexes of a data file in the making. */
import { columnReader } from '../../types/column-reader.ts';
import { columnOf, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { TableSchema } from '../table-schema.ts';
import { BitmapIndexBuilder, bitmapValueCodec } from './bitmap-index.ts';
import { BloomFilterBuilder, valueHash } from './bloom-filter.ts';
import { type ColumnIndex, encodeFileIndex } from './container.ts';
import { parseFileIndexOptions, type WantedIndex } from './index-options.ts';

type Builder = { readonly add: (value: Scalar) => void; readonly finish: () => Uint8Array };

export class FileIndexBuilder {
  readonly #schema: TableSchema;
  readonly #builders: readonly (WantedIndex & Builder)[];

  constructor(schema: TableSchema) {
    this.#schema = schema;
    this.#builders = parseFileIndexOptions(schema).wanted.flatMap(wanted => {
      const builder = builderOf(schema, wanted);
      return builder === undefined ? [] : [{ ...wanted, ...builder }];
    });
  }

  append(rows: RowBatch): void {
    for (const { column, add } of this.#builders) {
      const field = this.#schema.fields.find(({ name }) => name === column);
      if (field === undefined) continue;
      const read = columnReader(columnOf(rows, column), field.type);
      for (let row = 0; row < rows.rowCount; row += 1) add(read(row));
    }
  }

  /** Undefined: the table wants none. */
  finish(): Uint8Array | undefined {
    if (this.#builders.length === 0) return undefined;
    const indexes = this.#builders.map(({ column, kind, finish }): ColumnIndex => ({ column, kind, bytes: finish() }));
    return encodeFileIndex(indexes);
  }
}

function builderOf(schema: TableSchema, wanted: WantedIndex): Builder | undefined {
  const type = schema.fields.find(({ name }) => name === wanted.column)?.type;
  if (type === undefined) return undefined;
  if (wanted.kind === 'bitmap') {
    const codec = bitmapValueCodec(type);
    if (codec === undefined) return undefined;
    const builder = new BitmapIndexBuilder(type, codec, wanted.blockBytesMax);
    return { add: value => builder.add(value), finish: () => builder.finish() };
  }
  const hash = valueHash(type);
  if (hash === undefined) return undefined;
  const builder = new BloomFilterBuilder(wanted);
  return {
    add: value => {
      if (value !== null) builder.add(hash(value));
    },
    finish: () => builder.finish(),
  };
}
