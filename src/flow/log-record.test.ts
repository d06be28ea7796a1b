import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32 } from '../bytes/crc32.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import { lengthMax, type RowType } from '../types/data-type.ts';
import {
  decodeBody,
  decodeRecord,
  encodeBody,
  encodeRecord,
  type LogRecord,
  type LogRecordHeader,
} from './log-record.ts';

const field = { description: undefined, defaultValue: undefined };
const rowType: RowType = {
  fields: [
    { ...field, id: 0, name: 'k', type: { kind: 'bigint', nullable: false } },
    { ...field, id: 1, name: 's', type: { kind: 'varchar', length: lengthMax, nullable: true } },
  ],
};

function record(rowCount: number): { record: LogRecord; values: (string | bigint | null)[][] } {
  const values = Array.from({ length: rowCount }, (_, i) => [BigInt(i) << 40n, i % 3 === 0 ? null : `value ${i}`]);
  const kinds = Int8Array.from(values, (_, i) => i % 4);
  const { encoding, body, bodyBytes } = encodeBody({ rows: buildBatch(rowType, values), kinds });
  const header: LogRecordHeader = {
    tableId: 'id-1',
    tableName: 'db.t',
    schemaId: 3,
    bucket: 2,
    bucketCount: 4,
    laneCount: undefined,
    producerId: 'p',
    producerNamed: false,
    producerNumber: 9,
    rowCount,
    bodyBytes,
    claim: undefined,
  };
  return { record: { header, encoding, body }, values };
}

test('a record comes back as it went, small and large', () => {
  for (const rowCount of [1, 2, 1000]) {
    const { record: written, values } = record(rowCount);
    const read = decodeRecord(encodeRecord(written), 'here');
    expect(read.header).toEqual(written.header);
    const body = decodeBody(read, read.body, rowType, 'here');
    expect(rowsOf(body.rows)).toEqual(values);
    expect([...body.kinds]).toEqual(values.map((_, i) => i % 4));
  }
  expect(record(1000).record.encoding).toBe('zstd');
});

test('headers go with a record, and who does not know of them reads it all the same', () => {
  const { record: written } = record(2);
  const headers = { traceparent: '00-1', 'ce-type': 'é\n"' };
  const bytes = encodeRecord({ ...written, header: { ...written.header, headers } });
  expect(decodeRecord(bytes, 'here').header).toEqual({ ...written.header, headers });
  // Fields of the header that nobody knows are passed over, as those before RFC 0022 pass over this one.
  const later = encodeWithHeader(written, { zz: { a: 1 } });
  expect(decodeRecord(later, 'here').header).toEqual(written.header);
  for (const h of [1, 'a', ['a'], { a: 1 }, { '': 'x' }, null]) {
    expect(() => decodeRecord(encodeWithHeader(written, { h }), 'x')).toThrow(/log record at x: its headers/);
  }
});

/** As another writer would have it. */
function encodeWithHeader(written: LogRecord, more: Record<string, unknown>): Uint8Array {
  const plain = Buffer.from(encodeRecord(written));
  const length = plain.readUInt32LE(6);
  const header = { ...JSON.parse(plain.subarray(10, 10 + length).toString()), ...more };
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.concat([plain.subarray(0, 10), json, plain.subarray(10 + length)]);
  bytes.writeUInt32LE(json.length, 6);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

test('a record with any byte changed or cut off is refused, and says where it was', () => {
  const bytes = encodeRecord(record(20).record);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const broken = bytes.slice();
      broken[at] = (broken[at] ?? 0) ^ flip;
      expect(() => decodeRecord(broken, 'shard 0 at 7')).toThrow(/shard 0 at 7/);
      expect(() => decodeRecord(bytes.subarray(0, at), 'x')).toThrow(/log record at x/);
    }),
  );
});

test('a record whose checksum is right but whose header lies is refused, not trusted', () => {
  const { record: written } = record(1000);
  for (const lie of [{ rowCount: 999 }, { rowCount: 1_000_001 }, { bodyBytes: 10 }, { bodyBytes: 2 ** 40 }]) {
    const bytes = encodeRecord({ ...written, header: { ...written.header, ...lie } });
    expect(() => {
      const read = decodeRecord(bytes, 'x');
      decodeBody(read, read.body, rowType, 'x');
    }).toThrow(/log record at x/);
  }
  const bytes = encodeRecord(written);
  bytes[4] = 2;
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  expect(() => decodeRecord(bytes, 'x')).toThrow(/version 2/);
});
