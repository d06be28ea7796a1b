// Deletion vectors and the index manifests that say where they are: Paimon's own files, and ours.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LakeError } from '../base/errors.ts';
import { toHex } from '../bytes/hex.ts';
import { emptyRow } from './binary-row.ts';
import {
  decodeDeletionVector,
  deletedPositions,
  encodeVectorFile,
  positionsEnd,
  type VectorBits,
  vectorBytes,
} from './deletion-vector.ts';
import { decodeIndexManifest, encodeIndexManifest, type IndexEntry } from './index-manifest.ts';

const warehouse = new URL('../../test/golden/tables/warehouse/db.db/', import.meta.url);

function indexEntries(table: string): readonly IndexEntry[] {
  const folder = new URL(`${table}/manifest/`, warehouse);
  const names = readdirSync(folder).filter(name => name.startsWith('index-manifest-'));
  return names.flatMap(name => decodeIndexManifest(readFileSync(new URL(name, folder)), name));
}

function positionsOf(bytes: Uint8Array, range: Parameters<typeof decodeDeletionVector>[1]): readonly number[] {
  const { start, end } = vectorBytes(range, bytes.length);
  const vector = decodeDeletionVector(bytes.subarray(start, end), range, 'test');
  const positions = [...deletedPositions(vector, 0, Number.MAX_SAFE_INTEGER)];
  expect(positionsEnd(vector)).toBe((positions.at(-1) ?? -1) + 1);
  expect(vector.cardinality).toBe(positions.length);
  return positions;
}

test('the vectors of every index file that Paimon wrote are as many as it says, and are written again to the same rows', () => {
  let count = 0;
  for (const table of ['dv_pk', 'dv_pk64', 'dv_part', 'dv_lookup', 'ice_dv']) {
    for (const entry of indexEntries(table)) {
      const bytes = readFileSync(new URL(`${table}/index/${entry.fileName}`, warehouse));
      expect(entry).toMatchObject({ indexType: 'DELETION_VECTORS', fileSize: bytes.length, global: undefined });
      expect(entry.rowCount).toBe(entry.vectors?.length);
      const vectors = (entry.vectors ?? []).map(range => ({
        fileName: range.fileName,
        positions: positionsOf(bytes, range),
      }));
      for (const bits of [32, 64] as const) {
        const written = encodeVectorFile(vectors, bits);
        expect(written.ranges.map(range => positionsOf(written.bytes, range))).toEqual(
          vectors.map(({ positions }) => positions),
        );
      }
      count += vectors.length;
    }
  }
  expect(count).toBeGreaterThan(8);
});

test('a 64-bit file is Paimon’s to the byte, and its range counts the whole record', () => {
  const { bytes, ranges } = encodeVectorFile([{ fileName: 'a', positions: [5, 7] }], 64);
  expect(toHex(bytes)).toBe(
    '0100000024d1d33964010000000000000000000000' + '3a3000000100000000000100100000000500' + '0700833ac5fa',
  );
  expect(ranges).toEqual([{ fileName: 'a', offset: 1, length: 44, cardinality: 2 }]);
});

test('a 32-bit range counts magic and bitmap only', () => {
  const { bytes, ranges } = encodeVectorFile(
    [
      { fileName: 'a', positions: [5, 7] },
      { fileName: 'b', positions: [1] },
    ],
    32,
  );
  expect(ranges).toEqual([
    { fileName: 'a', offset: 1, length: 24, cardinality: 2 },
    { fileName: 'b', offset: 33, length: 22, cardinality: 1 },
  ]);
  expect(bytes.length).toBe(63);
});

test('64-bit positions beyond 32 bits come back', () => {
  const positions = [1, 4_294_967_295, 4_294_967_296, 3 * 4_294_967_296 + 70_000];
  const { bytes, ranges } = encodeVectorFile([{ fileName: 'a', positions }], 64);
  for (const range of ranges) expect(positionsOf(bytes, range)).toEqual(positions);
});

test('a vector that is not what its range announces is refused', () => {
  for (const bits of [32, 64] satisfies VectorBits[]) {
    const { bytes, ranges } = encodeVectorFile([{ fileName: 'a', positions: [5, 7] }], bits);
    const [range] = ranges;
    if (range === undefined) throw new Error('a range');
    const record = bytes.subarray(1);
    const refuse = (changed: Uint8Array, at = range): void => {
      expect(() => decodeDeletionVector(changed, at, 'test')).toThrow(LakeError);
    };
    refuse(record, { ...range, length: range.length + 1 });
    refuse(record, { ...range, cardinality: 3 });
    for (let length = 0; length < record.length; length += 1) refuse(record.subarray(0, length));
    for (let at = 0; at < record.length; at += 1) {
      refuse(record.map((byte, index) => (index === at ? byte ^ 4 : byte)));
    }
  }
  expect(() =>
    decodeDeletionVector(Buffer.from('7fffffff5e43f2d0000000000000', 'hex'), { ...any, length: 2 ** 31 - 1 }, 'x'),
  ).toThrow(/claims/);
});

const any = { fileName: 'a', offset: 0, length: 0, cardinality: undefined };

test('index manifests of Paimon come back as they are when they are written again', () => {
  for (const table of ['dv_pk', 'dv_pk64', 'dyn_bucket', 'dyn_part']) {
    const entries = indexEntries(table);
    expect(entries.length).toBeGreaterThan(0);
    expect(decodeIndexManifest(encodeIndexManifest(entries), 'again')).toEqual(entries);
  }
});

test('what an index manifest may not say is refused', () => {
  const entry: IndexEntry = {
    partition: emptyRow,
    bucket: 0,
    indexType: 'DELETION_VECTORS',
    fileName: 'index-1',
    fileSize: 10,
    rowCount: 1,
    vectors: [any, any],
    externalPath: undefined,
    global: undefined,
  };
  expect(() => decodeIndexManifest(encodeIndexManifest([entry]), 'x')).toThrow(/two deletion vectors of one file/);
  const path = { ...entry, vectors: undefined, fileName: '../snapshot/snapshot-1' };
  expect(() => decodeIndexManifest(encodeIndexManifest([path]), 'x')).toThrow(/_FILE_NAME/);
  expect(() =>
    encodeIndexManifest([
      { ...entry, global: { rowRange: [0n, 1n], fieldId: 0, extraFieldIds: undefined }, indexType: 'btree' },
    ]),
  ).toThrow(/btree/);
});
