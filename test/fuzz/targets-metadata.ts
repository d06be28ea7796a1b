/** Metadata files of the format: JSON, Avro, binary rows. */
import { isDeepStrictEqual } from 'node:util';
import { parseJson, stringifyJson } from '../../src/base/json.ts';
import { equalBytes } from '../../src/bytes/compare.ts';
import { packSnappy, unpackSnappy } from '../../src/bytes/snappy.ts';
import { type AvroContainer, readContainer, writeContainer } from '../../src/format/avro-container.ts';
import { deserializeRow, serializeRow } from '../../src/format/binary-row.ts';
import { decodeIndexManifest, encodeIndexManifest } from '../../src/format/index-manifest.ts';
import { decodeManifest, encodeManifest } from '../../src/format/manifest.ts';
import { openManifestLines } from '../../src/format/manifest-lines.ts';
import { decodeManifestList, encodeManifestList } from '../../src/format/manifest-list.ts';
import { parseMergeOptions } from '../../src/format/merge-options.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts';
import { decodeStatistics, encodeStatistics, type TableStatistics } from '../../src/format/statistics.ts';
import { decodeStats } from '../../src/format/stats.ts';
import { parseTableOptions, refusedFeatures } from '../../src/format/table-options.ts';
import { bucketKeys, decodeSchema, encodeSchema } from '../../src/format/table-schema.ts';
import { decodeTag, encodeTag } from '../../src/format/tag.ts';
import { parseField, parseType, printType, typeToJson } from '../../src/format/type-text.ts';
import { sampleTypes } from '../arbitrary-rows.ts';
import { fixtureFiles, goldenFiles, texts } from './corpus.ts';
import { below, type Mutator, mutateBytes, mutateInPlace } from './mutate-bytes.ts';
import { mutateJson, mutateText } from './mutate-text.ts';
import { comesBack, holds, type Target } from './target.ts';

const where = 'fuzz';

const sampleStatistics: TableStatistics = {
  snapshotId: 7,
  schemaId: 1,
  mergedRecordCount: 1_000n,
  mergedRecordSize: 9_007_199_254_740_993n,
  columns: new Map([
    ['v', { columnId: 1, distinctCount: 5n, min: '-1', max: '1', nullCount: 0n, averageLength: 4n, maxLength: 4n }],
  ]),
};

/** The schema, the codec or the records of a container change, and the frame around them fits again. */
export const mutateAvro: Mutator = (input, random, other) => {
  if (random.next() < 0.2) return mutateBytes(input, random, other);
  let container: AvroContainer;
  try {
    container = readContainer(input, where);
  } catch {
    return mutateBytes(input, random, other);
  }
  const at = random.next() < 0.85 ? 0 : below(random, container.blocks.length + 1);
  const schemaText =
    at === container.blocks.length || random.next() < 0.1
      ? Buffer.from(mutateJson(Buffer.from(container.schemaText), random, other)).toString()
      : container.schemaText;
  const blocks = container.blocks.map((block, index) => {
    if (index !== at) return block;
    const change = random.next() < 0.8 ? mutateInPlace : mutateBytes;
    const bytes = change(block.bytes, random, other);
    return { recordCount: random.next() < 0.9 ? block.recordCount : below(random, bytes.length + 2), bytes };
  });
  const codecs = ['null', 'null', 'zstandard', 'snappy'] as const;
  return writeContainer({ schemaText, blocks }, codecs[below(random, codecs.length)] ?? 'null');
};

function options(input: Uint8Array): unknown {
  const schema = decodeSchema(input, where);
  const parsed = parseTableOptions(schema);
  refusedFeatures(schema, 'write');
  bucketKeys(schema);
  parseMergeOptions(schema);
  return parsed;
}

/** One row of each sample type with values at the edges, and the same for each type alone. */
function rowCorpus(): readonly Uint8Array[] {
  const text = 'a text that does not fit into a slot';
  const values = sampleTypes.map(type => {
    if (type.kind === 'char' || type.kind === 'varchar') return text;
    if (type.kind === 'binary' || type.kind === 'varbinary') return Buffer.from(text);
    if (type.kind === 'boolean') return true;
    if (type.kind === 'bigint' || type.kind === 'decimal' || type.kind.startsWith('timestamp')) return 123_000_000_000n;
    return 7;
  });
  return [
    serializeRow(sampleTypes, values),
    serializeRow(
      sampleTypes,
      values.map((v, i) => (i % 3 === 0 ? null : v)),
    ),
  ];
}

export const metadataTargets: readonly Target[] = [
  {
    name: 'snapshot',
    decoders: ['decodeSnapshot', 'parseJsonObject', 'parseJson'],
    corpus: () => [
      ...goldenFiles(/snapshot\/snapshot-\d+$|changelog\/changelog-\d+$|tag\/tag-/),
      ...fixtureFiles(/snapshot$|^tag$/),
    ],
    mutate: mutateJson,
    decode: input => comesBack(decodeSnapshot(input, where), encodeSnapshot, bytes => decodeSnapshot(bytes, where)),
  },
  {
    name: 'tag',
    decoders: ['decodeTag'],
    corpus: () => {
      const tags = [...goldenFiles(/tag\/tag-/), ...fixtureFiles(/^tag$/)];
      return [
        ...tags,
        ...tags.map(tag => encodeTag(tag, where, { createTimeMs: 1_700_000_000_123, retainedMs: 1_500 })),
      ];
    },
    mutate: mutateJson,
    decode: input => {
      const { snapshot, createTimeMs } = decodeTag(input, where);
      const life = createTimeMs === undefined ? undefined : { createTimeMs, retainedMs: 1_000 };
      const again = decodeTag(encodeTag(input, where, life), where);
      holds(again.snapshot.deltaManifestList === snapshot.deltaManifestList, 'a tag of another snapshot');
      holds(again.createTimeMs === createTimeMs, `made at ${createTimeMs}, and then at ${again.createTimeMs}`);
    },
  },
  {
    name: 'statistics',
    decoders: ['decodeStatistics'],
    corpus: () => [...goldenFiles(/statistics\/stat-/), encodeStatistics(sampleStatistics)],
    mutate: mutateJson,
    decode: input =>
      comesBack(decodeStatistics(input, where), encodeStatistics, bytes => decodeStatistics(bytes, where)),
  },
  {
    name: 'schema',
    decoders: ['decodeSchema', 'parseField', 'parseType'],
    corpus: () => [...goldenFiles(/schema\/schema-\d+$/), ...fixtureFiles(/schema$/)],
    mutate: mutateJson,
    decode: input => {
      const schema = decodeSchema(input, where);
      // An older version's defaults come in when it is read, which is not to happen twice.
      return schema.version < 3 ? schema : comesBack(schema, encodeSchema, bytes => decodeSchema(bytes, where));
    },
  },
  {
    name: 'table-options',
    decoders: ['parseTableOptions', 'parseMergeOptions'],
    corpus: () => goldenFiles(/schema\/schema-\d+$/),
    mutate: (input, random, other) => {
      if (random.next() < 0.4) return mutateJson(input, random, other);
      // A value of one option only, so that the others do not stop everything.
      return Buffer.from(
        Buffer.from(input)
          .toString()
          .replaceAll(/("options"\s*:\s*\{)([^}]*)\}/g, (_all, head: string, body: string) => {
            const pairs = body.split(',');
            const at = below(random, pairs.length);
            const changed = pairs.map((pair, index) => {
              if (index !== at) return pair;
              const [key = '"x"', value = '"1"'] = pair.split(/:(.*)/s);
              return `${key}:${JSON.stringify(
                Buffer.from(mutateText(Buffer.from(value), random, other))
                  .toString()
                  .slice(0, 200),
              )}`;
            });
            return `${head}${changed.join(',')}}`;
          }),
      );
    },
    decode: options,
  },
  {
    name: 'type-text',
    decoders: ['parseType', 'parseField'],
    corpus: () => [
      ...texts(
        '"INT NOT NULL"',
        '"DECIMAL(38, 18)"',
        '"TIMESTAMP(6) WITH LOCAL TIME ZONE NOT NULL"',
        '"VARCHAR(20)"',
        '{"type":"ARRAY NOT NULL","element":"INT"}',
        '{"type":"MAP","key":"STRING NOT NULL","value":{"type":"ROW","fields":[{"id":4,"name":"a","type":"DATE"}]}}',
        '{"type":"VECTOR","element":"FLOAT","length":3}',
      ),
    ],
    mutate: (input, random, other) => (random.next() < 0.5 ? mutateText : mutateJson)(input, random, other),
    decode: input => {
      let json: ReturnType<typeof parseJson>;
      try {
        json = parseJson(Buffer.from(input).toString());
      } catch {
        json = Buffer.from(input).toString();
      }
      const type = parseType(json);
      parseField({ id: 1, name: 'x', type: json });
      printType(type);
      const encode = (value: typeof type): Uint8Array => Buffer.from(stringifyJson(typeToJson(value)));
      return comesBack(type, encode, bytes => parseType(parseJson(Buffer.from(bytes).toString())));
    },
  },
  {
    name: 'snappy',
    decoders: [],
    corpus: () => goldenFiles(/schema\/schema-\d+$/).map(packSnappy),
    mutate: (input, random, other) => (random.next() < 0.5 ? mutateInPlace : mutateBytes)(input, random, other),
    decode: input => {
      let bytes: Uint8Array;
      try {
        bytes = unpackSnappy(input, 2 ** 24);
      } catch (error) {
        if (error instanceof RangeError && error.message.startsWith('not a snappy block')) return undefined;
        throw error;
      }
      holds(equalBytes(unpackSnappy(packSnappy(bytes), bytes.length), bytes), 'what was packed is not what comes back');
      return bytes;
    },
  },
  {
    name: 'manifest',
    decoders: ['decodeManifest', 'decodeRecords', 'decodeAvro', 'decodeAvroAs', 'readContainer'],
    corpus: () => [...goldenFiles(/manifest\/manifest-[0-9a-f-]{36}-\d+$/), ...fixtureFiles(/manifest$/)],
    mutate: mutateAvro,
    decode: input => {
      const entries = decodeManifest(input, where);
      for (const { file } of entries) {
        holds(file.rowCount >= 0 && file.level >= 0 && file.fileSize >= 0, 'a count below zero');
        holds(file.minSequenceNumber <= file.maxSequenceNumber, 'sequence numbers that go down');
      }
      if (entries.length === 0 || entries.some(({ file }) => file.creationTimeMs === undefined)) return entries;
      if (entries.some(({ bucket }) => bucket < -2)) holds(false, 'a bucket below -2');
      return comesBack(
        entries,
        value => encodeManifest(value),
        bytes => decodeManifest(bytes, where),
      );
    },
  },
  {
    name: 'manifest-lines',
    decoders: ['decodeEntry'],
    corpus: () => [...goldenFiles(/manifest\/manifest-[0-9a-f-]{36}-\d+$/), ...fixtureFiles(/manifest$/)],
    mutate: mutateAvro,
    decode: input => {
      const lines = openManifestLines(input, where);
      if (lines === undefined) return undefined;
      const all = [...lines.entries()];
      holds(all.length === lines.entryCount, 'fewer entries than there are');
      holds(isDeepStrictEqual(all, decodeManifest(input, where)), 'entries that are not those of the manifest');
      const some = [...lines.entries(({ bucket }) => bucket === 0)];
      const ofBucket = all.filter(({ bucket }) => bucket === 0);
      holds(isDeepStrictEqual(some, ofBucket), 'entries of a bucket that are not those of the manifest');
      return all;
    },
  },
  {
    name: 'manifest-list',
    decoders: ['decodeManifestList', 'decodeAvro'],
    corpus: () => [...goldenFiles(/manifest\/manifest-list-/), ...fixtureFiles(/manifest-list$/)],
    mutate: mutateAvro,
    decode: input => {
      const metas = decodeManifestList(input, where);
      for (const meta of metas)
        holds(meta.fileSize > 0 && meta.numAddedFiles + meta.numDeletedFiles > 0, 'an empty manifest');
      return comesBack(
        metas,
        value => encodeManifestList(value),
        bytes => decodeManifestList(bytes, where),
      );
    },
  },
  {
    name: 'index-manifest',
    decoders: ['decodeIndexManifest'],
    corpus: () => goldenFiles(/manifest\/index-manifest-/),
    mutate: mutateAvro,
    decode: input => {
      const entries = decodeIndexManifest(input, where);
      for (const file of entries) holds(file.fileSize >= 0 && file.rowCount >= 0, 'a count below zero');
      if (entries.some(({ global }) => global !== undefined)) return entries;
      // Offsets and lengths are written with 32 bits.
      const ranges = entries.flatMap(({ vectors }) => vectors ?? []);
      if (ranges.some(({ offset, length }) => Math.max(offset, length) > 0x7fff_ffff)) return entries;
      return comesBack(
        entries,
        value => encodeIndexManifest(value),
        bytes => decodeIndexManifest(bytes, where),
      );
    },
  },
  {
    name: 'binary-row',
    decoders: ['readSlot', 'decodeStats'],
    corpus: rowCorpus,
    mutate: mutateBytes,
    decode: input => {
      const stats = decodeStats({ minValues: input, maxValues: input, nullCounts: [] }, sampleTypes);
      holds(stats.min.length === sampleTypes.length, 'a value for each column');
      const row = deserializeRow(input, sampleTypes);
      const again = deserializeRow(serializeRow(sampleTypes, row), sampleTypes);
      holds(stringOf(again) === stringOf(row), 'a row that comes back as another');
      return row;
    },
  },
];

function stringOf(row: readonly unknown[]): string {
  return row.map(value => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value))).join('|');
}
