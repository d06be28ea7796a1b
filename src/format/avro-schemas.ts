/**
 * The Avro schemas of manifests and manifest lists, as they stand in the headers of the files we write: record names,
 * field order and types are Paimon's to the letter, null comes first in every union.
 *
 * @see spec 4.1–4.4; Paimon 1.4.2 AvroSchemaConverter, DataFileMeta.SCHEMA, ManifestFileMeta.SCHEMA
 */
import type { JsonObject, JsonValue } from '../base/json.ts';

const field = (name: string, type: JsonValue): JsonObject => ({ name, type });
const nullable = (name: string, type: JsonValue): JsonObject => ({ name, type: ['null', type], default: null });
const arrayOf = (items: JsonValue): JsonObject => ({ type: 'array', items });
const record = (name: string, fields: readonly JsonObject[]): JsonObject => ({ type: 'record', name, fields });
const topRecord = (fields: readonly JsonObject[]): JsonObject => ({
  type: 'record',
  name: 'record',
  namespace: 'org.apache.paimon.avro.generated',
  fields,
});

const stats = (name: string): JsonObject =>
  record(name, [
    field('_MIN_VALUES', 'bytes'),
    field('_MAX_VALUES', 'bytes'),
    nullable('_NULL_COUNTS', arrayOf(['null', 'long'])),
  ]);

const dataFile: JsonObject = record('record__FILE', [
  field('_FILE_NAME', 'string'),
  field('_FILE_SIZE', 'long'),
  field('_ROW_COUNT', 'long'),
  field('_MIN_KEY', 'bytes'),
  field('_MAX_KEY', 'bytes'),
  field('_KEY_STATS', stats('record__FILE__KEY_STATS')),
  field('_VALUE_STATS', stats('record__FILE__VALUE_STATS')),
  field('_MIN_SEQUENCE_NUMBER', 'long'),
  field('_MAX_SEQUENCE_NUMBER', 'long'),
  field('_SCHEMA_ID', 'long'),
  field('_LEVEL', 'int'),
  field('_EXTRA_FILES', arrayOf('string')),
  // Without the logical type Paimon fails on the field: Long cannot be cast to Timestamp.
  nullable('_CREATION_TIME', { type: 'long', logicalType: 'timestamp-millis' }),
  nullable('_DELETE_ROW_COUNT', 'long'),
  nullable('_EMBEDDED_FILE_INDEX', 'bytes'),
  nullable('_FILE_SOURCE', 'int'),
  nullable('_VALUE_STATS_COLS', arrayOf('string')),
  nullable('_EXTERNAL_PATH', 'string'),
  nullable('_FIRST_ROW_ID', 'long'),
  nullable('_WRITE_COLS', arrayOf('string')),
]);

export const manifestSchema: JsonObject = topRecord([
  field('_VERSION', 'int'),
  field('_KIND', 'int'),
  field('_PARTITION', 'bytes'),
  field('_BUCKET', 'int'),
  field('_TOTAL_BUCKETS', 'int'),
  field('_FILE', dataFile),
]);

export const manifestListSchema: JsonObject = topRecord([
  field('_VERSION', 'int'),
  field('_FILE_NAME', 'string'),
  field('_FILE_SIZE', 'long'),
  field('_NUM_ADDED_FILES', 'long'),
  field('_NUM_DELETED_FILES', 'long'),
  field('_PARTITION_STATS', stats('record__PARTITION_STATS')),
  field('_SCHEMA_ID', 'long'),
  nullable('_MIN_BUCKET', 'int'),
  nullable('_MAX_BUCKET', 'int'),
  nullable('_MIN_LEVEL', 'int'),
  nullable('_MAX_LEVEL', 'int'),
  nullable('_MIN_ROW_ID', 'long'),
  nullable('_MAX_ROW_ID', 'long'),
]);

export const indexManifestSchema: JsonObject = topRecord([
  field('_VERSION', 'int'),
  field('_KIND', 'int'),
  field('_PARTITION', 'bytes'),
  field('_BUCKET', 'int'),
  field('_INDEX_TYPE', 'string'),
  field('_FILE_NAME', 'string'),
  field('_FILE_SIZE', 'long'),
  field('_ROW_COUNT', 'long'),
  nullable(
    '_DELETIONS_VECTORS_RANGES',
    arrayOf([
      'null',
      record('record__DELETIONS_VECTORS_RANGES', [
        field('f0', 'string'),
        field('f1', 'int'),
        field('f2', 'int'),
        nullable('_CARDINALITY', 'long'),
      ]),
    ]),
  ),
  nullable('_EXTERNAL_PATH', 'string'),
  nullable(
    '_GLOBAL_INDEX',
    record('record__GLOBAL_INDEX', [
      field('_ROW_RANGE_START', 'long'),
      field('_ROW_RANGE_END', 'long'),
      field('_INDEX_FIELD_ID', 'int'),
      nullable('_EXTRA_FIELD_IDS', arrayOf('int')),
      nullable('_INDEX_META', 'bytes'),
    ]),
  ),
]);
