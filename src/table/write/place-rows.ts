/**
 * Where rows belong: partition and bucket of each row of a batch, and the rows of each place together. Pure.
 */
import { present } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { serializeRow } from '../../format/binary-row.ts';
import { bucketsOfBatch } from '../../format/bucket.ts';
import type { TableOptions } from '../../format/table-options.ts';
import { bucketKeys, fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import { columnReader } from '../../types/column-reader.ts';
import { takeRows } from '../../types/gather.ts';
import { columnOf, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';

export type Place = {
  /** Serialized BinaryRow. */
  readonly partition: Uint8Array;
  readonly partitionValues: readonly Scalar[];
  readonly bucket: number;
  readonly totalBuckets: number;
};

export type PlacedRows = { readonly place: Place; readonly rows: RowBatch; readonly kinds: Int8Array };

/** The rows of each place, in their order; places in the order of their first row. */
export function placeRows(
  schema: TableSchema,
  options: TableOptions,
  rows: RowBatch,
  kinds: Int8Array,
): readonly PlacedRows[] {
  if (rows.rowCount === 0) return [];
  const isOnePlace = schema.partitionKeys.length === 0 && options.bucket <= 1;
  if (isOnePlace) return [{ place: placeOf(schema, options, { values: [], bucket: 0 }), rows, kinds }];
  const partitions = partitionsOf(schema, rows);
  const buckets = options.bucket > 1 ? bucketsOf(schema, options, rows) : undefined;
  const places = new Map<string, { place: Place; rows: number[] }>();
  for (let row = 0; row < rows.rowCount; row += 1) {
    const { key, values } = partitions(row);
    const bucket = buckets?.[row] ?? 0;
    const id = `${bucket}/${key}`;
    let target = places.get(id);
    if (target === undefined) {
      target = { place: placeOf(schema, options, { values, bucket }), rows: [] };
      places.set(id, target);
    }
    target.rows.push(row);
  }
  if (places.size === 1) return [...places.values()].map(({ place }) => ({ place, rows, kinds }));
  return [...places.values()].map(({ place, rows: index }) => ({
    place,
    rows: takeRows(rows, Uint32Array.from(index)),
    kinds: Int8Array.from(index, row => present(kinds[row], 'kind')),
  }));
}

/** The rows of one place by their buckets, in their order; places in the order of their first row. */
export function splitByBucket({ place, rows, kinds }: PlacedRows, buckets: Iterable<number>): readonly PlacedRows[] {
  const byBucket = new Map<number, number[]>();
  let row = 0;
  for (const bucket of buckets) {
    const ofBucket = byBucket.get(bucket);
    if (ofBucket === undefined) byBucket.set(bucket, [row]);
    else ofBucket.push(row);
    row += 1;
  }
  return [...byBucket].map(([bucket, index]) => ({
    place: { ...place, bucket },
    rows: byBucket.size === 1 ? rows : takeRows(rows, Uint32Array.from(index)),
    kinds: byBucket.size === 1 ? kinds : Int8Array.from(index, at => present(kinds[at], 'kind')),
  }));
}

function placeOf(
  schema: TableSchema,
  options: TableOptions,
  { values, bucket }: { readonly values: readonly Scalar[]; readonly bucket: number },
): Place {
  const types = fieldsNamed(schema, schema.partitionKeys).map(field => field.type);
  return { partition: serializeRow(types, values), partitionValues: values, bucket, totalBuckets: options.bucket };
}

function bucketsOf(schema: TableSchema, options: TableOptions, rows: RowBatch): Int32Array {
  const { bucketFunction } = options;
  if (bucketFunction === 'hive') throw unsupported('bucket-function.type = hive', 'writing');
  return bucketsOfBatch(rows, bucketKeys(schema), options.bucket, bucketFunction);
}

/** The partition of each row, by its own columns. */
export function partitionsOfRows(
  schema: TableSchema,
  rows: RowBatch,
): (row: number) => Pick<Place, 'partition' | 'partitionValues'> {
  const types = fieldsNamed(schema, schema.partitionKeys).map(field => field.type);
  const partitionOf = partitionsOf(schema, rows);
  const known = new Map<string, Pick<Place, 'partition' | 'partitionValues'>>();
  return row => {
    const { key, values } = partitionOf(row);
    let found = known.get(key);
    if (found === undefined) {
      found = { partition: serializeRow(types, values), partitionValues: values };
      known.set(key, found);
    }
    return found;
  };
}

type PartitionOfRow = { readonly key: string; readonly values: readonly Scalar[] };

function partitionsOf(schema: TableSchema, rows: RowBatch): (row: number) => PartitionOfRow {
  const readers = fieldsNamed(schema, schema.partitionKeys).map(field =>
    columnReader(columnOf(rows, field.name), field.type),
  );
  const unpartitioned: PartitionOfRow = { key: '', values: [] };
  if (readers.length === 0) return () => unpartitioned;
  return row => {
    const values = readers.map(read => read(row));
    return {
      key: values.map(keyText).join('/'),
      values,
    };
  };
}

/** Told apart from every other value's: by its length, and minus zero from zero. */
function keyText(value: Scalar): string {
  if (value === null) return 'n';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return `v${text.length}:${text}`;
}
