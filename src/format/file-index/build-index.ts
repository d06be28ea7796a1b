/** The indexes of a data file in the making. */
import { unreachable } from '../../base/assert.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { DataType } from '../../types/data-type.ts';
import { columnOf, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { TableSchema } from '../table-schema.ts';
import { BitSliceIndexBuilder, bitSliceKeys } from './bit-slice-index.ts';
import { BitmapIndexBuilder, bitmapValueCodec } from './bitmap-index.ts';
import { BloomFilterBuilder, type BloomSettings, valueHash } from './bloom-filter.ts';
import { type ColumnIndex, encodeFileIndex } from './container.ts';
import { parseFileIndexOptions, type WantedIndex } from './index-options.ts';
import { RangeBitmapBuilder, rangeKeys } from './range-bitmap.ts';

/** `finish` gives undefined where the kind cannot hold a value that came. */
type Builder = { readonly add: (value: Scalar) => void; readonly finish: () => Uint8Array | undefined };

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
    const indexes = this.#builders.flatMap(({ column, kind, finish }): readonly ColumnIndex[] => {
      const bytes = finish();
      return bytes === undefined ? [] : [{ column, kind, bytes }];
    });
    return encodeFileIndex(indexes);
  }
}

function builderOf(schema: TableSchema, wanted: WantedIndex): Builder | undefined {
  const type = schema.fields.find(({ name }) => name === wanted.column)?.type;
  if (type === undefined) return undefined;
  switch (wanted.kind) {
    case 'bloom-filter':
      return bloomBuilder(type, wanted);
    case 'bitmap': {
      const codec = bitmapValueCodec(type);
      return codec === undefined ? undefined : asBuilder(new BitmapIndexBuilder(type, codec, wanted.blockBytesMax));
    }
    case 'range-bitmap': {
      const keys = rangeKeys(type);
      return keys === undefined ? undefined : asBuilder(new RangeBitmapBuilder(keys, wanted.chunkBytesMax));
    }
    case 'bsi': {
      const keys = bitSliceKeys(type);
      return keys === undefined ? undefined : asBuilder(new BitSliceIndexBuilder(keys));
    }
    default:
      return unreachable(wanted);
  }
}

function asBuilder(of: Builder): Builder {
  return { add: value => of.add(value), finish: () => of.finish() };
}

function bloomBuilder(type: DataType, settings: BloomSettings): Builder | undefined {
  const hash = valueHash(type);
  if (hash === undefined) return undefined;
  const builder = new BloomFilterBuilder(settings);
  return {
    add: value => {
      if (value !== null) builder.add(hash(value));
    },
    finish: () => builder.finish(),
  };
}
