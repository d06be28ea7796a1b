/**
 * Which indexes a table wants of its data files, by its options `file-index.KIND.columns` and `file-index.KIND.COLUMN.x`.
 *
 * @see spec 10.2, 13; Paimon 1.4.2 FileIndexOptions
 */
import { unreachable } from '../../base/assert.ts';
import type { DataType } from '../../types/data-type.ts';
import { badOption, booleanOption, fractionOption, integerOption, namesOption, sizeOption } from '../option-values.ts';
import type { TableSchema } from '../table-schema.ts';
import { printType } from '../type-text.ts';
import { bitSliceKeys } from './bit-slice-index.ts';
import { bitmapValueCodec } from './bitmap-index.ts';
import { valueHash } from './bloom-filter.ts';
import { rangeChunkBytes, rangeKeys } from './range-bitmap.ts';

export const fileIndexKinds = ['bloom-filter', 'bitmap', 'range-bitmap', 'bsi'] as const;

export type FileIndexKind = (typeof fileIndexKinds)[number];

/** Of the file that holds the indexes of the data file it is named after. */
export const fileIndexSuffix = '.index';

export type WantedIndex =
  | {
      readonly kind: 'bloom-filter';
      readonly column: string;
      readonly items: number;
      readonly falsePositiveShare: number;
    }
  | { readonly kind: 'bitmap'; readonly column: string; readonly blockBytesMax: number }
  | { readonly kind: 'range-bitmap'; readonly column: string; readonly chunkBytesMax: number }
  | { readonly kind: 'bsi'; readonly column: string };

export type FileIndexOptions = {
  readonly wanted: readonly WantedIndex[];
  /** An index of at most so many bytes goes into the manifest. */
  readonly inManifestBytesMax: number;
  /** Whether readers ask them. */
  readonly isRead: boolean;
};

/** Kinds that Paimon has and Tidelake does not write, and columns inside of maps; as options. */
export function refusedFileIndexes({ options }: TableSchema): readonly string[] {
  return Object.keys(options).filter(key => {
    const kind = /^file-index\.([\w-]+)\.columns$/.exec(key)?.[1];
    if (kind === undefined || namesOption(options, key).length === 0) return false;
    return !fileIndexKinds.some(known => known === kind) || namesOption(options, key).some(name => name.includes('['));
  });
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function parseFileIndexOptions(schema: TableSchema): FileIndexOptions {
  const { options } = schema;
  const wanted = fileIndexKinds.flatMap(kind =>
    namesOption(options, `file-index.${kind}.columns`).map(column => wantedIndex(schema, kind, column)),
  );
  return {
    wanted,
    inManifestBytesMax: sizeOption(options, 'file-index.in-manifest-threshold') ?? 500,
    isRead: booleanOption(options, 'file-index.read.enabled', true),
  };
}

function wantedIndex(schema: TableSchema, kind: FileIndexKind, column: string): WantedIndex {
  const type = indexedType(schema, kind, column);
  const { options } = schema;
  const prefix = `file-index.${kind}.${column}`;
  switch (kind) {
    case 'bloom-filter':
      return {
        kind,
        column,
        items: integerOption(options, `${prefix}.items`, 1) ?? 1_000_000,
        falsePositiveShare: shareOption(schema, `${prefix}.fpp`) ?? 0.1,
      };
    case 'bitmap':
      return { kind, column, blockBytesMax: sizeOption(options, `${prefix}.index-block-size`) ?? 16 * 1024 };
    case 'range-bitmap':
      return { kind, column, chunkBytesMax: sizeOption(options, `${prefix}.chunk-size`) ?? rangeChunkBytes(type) };
    case 'bsi':
      return { kind, column };
    default:
      return unreachable(kind);
  }
}

function shareOption({ options }: TableSchema, key: string): number | undefined {
  const share = fractionOption(options, key);
  if (share !== undefined && (share <= 0 || share >= 1)) throw badOption(key, String(share), 'between 0 and 1');
  return share;
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION when there is no such column, or one of a type that the kind does not index */
function indexedType(schema: TableSchema, kind: FileIndexKind, column: string): DataType {
  const key = `file-index.${kind}.columns`;
  const type = schema.fields.find(field => field.name === column)?.type;
  if (type === undefined) throw badOption(key, column, 'columns of the table');
  if (!isIndexed[kind](type)) {
    throw badOption(key, column, `columns of a type that ${kind} knows, not ${printType(type)}`);
  }
  return type;
}

const isIndexed: Readonly<Record<FileIndexKind, (type: DataType) => boolean>> = {
  'bloom-filter': type => valueHash(type) !== undefined,
  bitmap: type => bitmapValueCodec(type) !== undefined,
  'range-bitmap': type => rangeKeys(type) !== undefined,
  bsi: type => bitSliceKeys(type) !== undefined,
};
