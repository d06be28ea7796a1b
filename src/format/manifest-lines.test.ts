/** Lines of a manifest against the same manifest decoded whole; and what broken files make of them. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLakeError } from '../base/errors.ts';
import { avroFormat, encodeAvro } from './avro.ts';
import { type AvroCodec, readContainer, writeContainer } from './avro-container.ts';
import { manifestSchema } from './avro-schemas.ts';
import { serializeRow } from './binary-row.ts';
import { decodeManifest, encodeManifest, type ManifestEntry } from './manifest.ts';
import { openManifestLines } from './manifest-lines.ts';
import { emptyStats } from './stats.ts';
import { parseType } from './type-text.ts';

const text = parseType('STRING');
const where = 'm';

function entryOf(partition: string, bucket: number, name: string): ManifestEntry {
  const key = serializeRow([text], [name]);
  return {
    kind: name.length % 3 === 0 ? 'delete' : 'add',
    partition: serializeRow([text], [partition]),
    bucket,
    totalBuckets: 4,
    file: {
      fileName: `data-${name}`,
      fileSize: 10,
      rowCount: 1,
      minKey: key,
      maxKey: key,
      keyStats: { minValues: key, maxValues: key, nullCounts: [0n] },
      valueStats: emptyStats,
      minSequenceNumber: 2n ** 62n,
      maxSequenceNumber: 2n ** 62n,
      schemaId: 0,
      level: 0,
      extraFiles: [`${name}.index`],
      creationTimeMs: 1,
      deleteRowCount: 0,
      embeddedIndex: new Uint8Array(name.length * 50),
      fileSource: 'append',
      valueStatsCols: ['a', 'b'],
      externalPath: undefined,
      firstRowId: undefined,
      writeCols: undefined,
    },
  };
}

const entries = fc.array(
  fc
    .tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: -2, max: 3 }),
      fc.string({ maxLength: 12, unit: 'grapheme-ascii' }),
    )
    .map(([partition, bucket, name]) => entryOf(partition, bucket, name.replaceAll(/[^a-z]/g, 'x'))),
  { minLength: 1, maxLength: 40 },
);

test('entries of places are those that a whole manifest has of them, in their order', () => {
  fc.assert(
    fc.property(entries, fc.constantFrom<AvroCodec>('zstandard', 'deflate', 'snappy', 'null'), (some, codec) => {
      const bytes = encodeManifest(some, codec);
      const lines = openManifestLines(bytes, where);
      expect(lines?.entryCount).toBe(some.length);
      expect([...(lines?.entries() ?? [])]).toEqual(some);
      const b = serializeRow([text], ['b']);
      const isWanted = ({ partition, bucket }: Pick<ManifestEntry, 'partition' | 'bucket'>): boolean =>
        Buffer.compare(partition, b) === 0 && bucket !== 2;
      expect([...(lines?.entries(isWanted) ?? [])]).toEqual(decodeManifest(bytes, where).filter(isWanted));
    }),
    { numRuns: 200 },
  );
});

test('a place is asked about once, and only blocks that have something of it are unpacked', () => {
  const names = Array.from({ length: 6_000 }, (_, n) => entryOf(`p${Math.floor(n / 2_000)}`, 0, `n${n}`));
  const bytes = encodeManifest(names, 'zstandard');
  const lines = openManifestLines(bytes, where);
  const asked: number[] = [];
  const found = [...(lines?.entries(({ bucket }) => asked.push(bucket) === 2) ?? [])];
  expect(asked).toEqual([0, 0, 0]);
  expect(found).toEqual(names.slice(2_000, 4_000));
  expect(lines?.bytes).toBeLessThan(bytes.length + 6_000 * 10);
  // What a manifest says last is broken after it was opened: who asks for what comes first does not see it.
  const { blocks } = readContainer(bytes, where);
  expect(blocks.length).toBeGreaterThan(3);
  bytes.fill(0, bytes.length - 2_000);
  expect([
    ...(lines?.entries(({ partition }) => Buffer.compare(partition, names[0]?.partition ?? bytes) === 0) ?? []),
  ]).toEqual(names.slice(0, 2_000));
  expect(() => [...(lines?.entries() ?? [])]).toThrow(/a block does not unpack/);
});

test('manifests of Paimon are read so, too', () => {
  const bytes = new Uint8Array(readFileSync(new URL('fixtures/uncompressed-manifest', import.meta.url)));
  const whole = decodeManifest(bytes, where);
  expect(whole.length).toBeGreaterThan(0);
  expect([...(openManifestLines(bytes, where)?.entries() ?? [])]).toEqual(whole);
});

test('a manifest whose records begin in another way is left to be decoded whole', () => {
  const schema = { type: 'record', name: 'record', fields: [{ name: '_FILE', type: 'int' }] };
  expect(openManifestLines(encodeAvro(avroFormat(schema), [{ _FILE: 1 }], 'null'), where)).toBeUndefined();
  const recursive = { type: 'record', name: 'r', fields: [{ name: 'next', type: { type: 'array', items: 'r' } }] };
  const [version, ...others] = Array.isArray(manifestSchema['fields']) ? manifestSchema['fields'].slice(0, 5) : [];
  const fields = [version ?? null, ...others, { name: '_FILE', type: recursive }];
  const record = { _VERSION: 2, _KIND: 0, _PARTITION: new Uint8Array(12), _BUCKET: 0, _TOTAL_BUCKETS: 1, _FILE: {} };
  const bytes = encodeAvro(avroFormat({ ...schema, fields }), [{ ...record, _FILE: { next: [] } }], 'null');
  expect(openManifestLines(bytes, where)).toBeUndefined();
});

test('whatever byte is broken, the file is refused or has as many entries, and nothing else happens', () => {
  const container = readContainer(encodeManifest([entryOf('a', 1, 'xyz'), entryOf('b', 2, 'x')], 'null'), where);
  const [block] = container.blocks;
  if (block === undefined) throw new Error('there is a block');
  let refused = 0;
  for (let at = 0; at < block.bytes.length; at += 1) {
    for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const bytes = Uint8Array.from(block.bytes);
      bytes[at] = value;
      const file = writeContainer({ ...container, blocks: [{ recordCount: 2, bytes }] }, 'null');
      try {
        expect([...(openManifestLines(file, where)?.entries() ?? [])]).toHaveLength(2);
      } catch (error) {
        if (!isLakeError(error) || !['corrupt', 'unsupported'].includes(error.kind)) throw error;
        refused += 1;
      }
    }
  }
  expect(refused).toBeGreaterThan(100);
});
