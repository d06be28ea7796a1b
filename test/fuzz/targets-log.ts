/** What stands in the log: records, their rows, and the files of a local log. */

import { concatBytes } from '../../src/bytes/concat.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import { decodeBody, decodeRecord, encodeBody, encodeRecord, type LogRecord } from '../../src/flow/log-record.ts';
import { decodeLedger, encodeLedger } from '../../src/metering/ledger.ts';
import { noUsage } from '../../src/metering/usage.ts';
import { encodeFrames, readFrame } from '../../src/storage/local/log-frame.ts';
import {
  decodeHead,
  decodeMeta,
  decodeSegmentHeader,
  encodeHead,
  encodeMeta,
  encodeSegmentHeader,
} from '../../src/storage/local/log-layout.ts';
import { decodeBatch, decodeBatchHead, encodeBatch } from '../../src/storage/object-log/batch-codec.ts';
import {
  decodeFirstKept,
  decodeLogObject,
  encodeFirstKept,
  encodeLogObject,
  type ObjectLogMeta,
  type ObjectLogShard,
} from '../../src/storage/object-log/log-objects.ts';
import { rowsOf } from '../../src/types/column-reader.ts';
import { decodeIpc, encodeIpc } from '../../src/types/ipc.ts';
import { type Mutator, mutateBytes, mutateInPlace } from './mutate-bytes.ts';
import { mutateJson } from './mutate-text.ts';
import { sampleBatch, sampleRowType } from './sample-rows.ts';
import { comesBack, holds, type Target } from './target.ts';

const where = 'fuzz';
const incarnation = '01234567-89ab-cdef-0123-456789abcdef';
const rowType = sampleRowType;

function recordOf(rowCount: number): Uint8Array {
  const kinds = Int8Array.from({ length: rowCount }, (_, row) => row % 4);
  const { encoding, body, bodyBytes } = encodeBody({ rows: sampleBatch(rowCount), kinds });
  const header = {
    tableId: 'id',
    tableName: 'db.t',
    schemaId: 3,
    bucket: 2,
    bucketCount: 4,
    laneCount: rowCount === 3 ? 16 : undefined,
    producerId: 'p',
    producerNamed: true,
    producerNumber: 9,
    rowCount,
    bodyBytes,
    claim: undefined,
    columns: rowCount === 40 ? [{ name: 'besides', type: { kind: 'bigint', nullable: true } as const }] : undefined,
  };
  return encodeRecord({ header, encoding, body });
}

function claimRecord(): Uint8Array {
  const claim = { name: 'claim-1', sizeBytes: 10, sha256: 'ab' };
  const { header } = decodeRecord(recordOf(3), where);
  return encodeRecord({ header: { ...header, claim }, encoding: 'claim', body: new Uint8Array() });
}

const batchPlace = { shardId: 'shard-000001', number: 7, where };
const batches: readonly Uint8Array[] = [[], [new Uint8Array(3)], [new Uint8Array(0), new Uint8Array(200).fill(7)]].map(
  values => {
    const head = { number: 7, arrivalMs: 1_700_000_000_000, token: '0123456789abcdef' };
    return encodeBatch(batchPlace.shardId, { ...head, kind: values.length === 0 ? 'seal' : 'records' }, values);
  },
);
const shardOf = (index: number, parents: readonly string[], state: 'open' | 'closing' | 'closed'): ObjectLogShard => ({
  shardId: `shard-00000${index}`,
  parentIds: parents,
  hashKeyStart: 0n,
  hashKeyEnd: (1n << 128n) - 1n,
  state,
});
const objectLog: ObjectLogMeta = {
  incarnation,
  retentionMs: undefined,
  nextShardIndex: 3,
  shards: [shardOf(0, [], 'closed'), shardOf(1, ['shard-000000'], 'closing'), shardOf(2, ['shard-000001'], 'open')],
};

export const records: readonly Uint8Array[] = [1, 3, 40].map(recordOf);

/** Header or body change; lengths and checksum are right again. */
const mutateRecord: Mutator = (input, random, other) => {
  const headerBytes = new DataView(input.buffer, input.byteOffset).getUint32(6, true);
  let header: Uint8Array = input.subarray(10, 10 + headerBytes);
  let body: Uint8Array = input.subarray(14 + headerBytes, -4);
  if (random.next() < 0.4) header = mutateJson(header, random, other);
  else body = (random.next() < 0.7 ? mutateInPlace : mutateBytes)(body, random, other);
  const head = input.slice(0, 10);
  if (random.next() < 0.05) head[5] = Math.floor(random.next() * 4);
  new DataView(head.buffer).setUint32(6, header.length, true);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length, true);
  return sealed(concatBytes([head, header, length, body]));
};

/** With its checksum behind it. */
export function sealed(bytes: Uint8Array): Uint8Array {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32(bytes), true);
  return concatBytes([bytes, sum]);
}

function decodeWholeRecord(input: Uint8Array): LogRecord {
  const record = decodeRecord(input, where);
  if (record.encoding === 'claim') return record;
  const { rows, kinds } = decodeBody(record, record.body, rowType, where);
  holds(rows.rowCount === record.header.rowCount && kinds.length === rows.rowCount, 'rows that are not there');
  const values = rowsOf(rows);
  holds(values.length === rows.rowCount, 'a row for each row');
  return record;
}

/** Without a new checksum only the originals may pass. */
export function onlyOriginals(originals: readonly Uint8Array[], input: Uint8Array): void {
  holds(
    originals.some(original => Buffer.compare(original, input) === 0),
    'bytes that nobody wrote pass the checksum',
  );
}

const frames = encodeFrames([Uint8Array.of(1, 2, 3), new Uint8Array(40), new Uint8Array()], {
  start: 64,
  arrivalMs: 9,
}).bytes;
const metas = [undefined, 5_000].map(retentionMs =>
  encodeMeta({ incarnation, shardCount: 2, segmentBytesMax: 1_000_000, retentionMs }),
);
const heads = [encodeHead({ end: 900, segmentStart: 100, lastArrivalMs: 5 }, incarnation)];
const segments = [encodeSegmentHeader({ start: 100, previousArrivalMs: 5 }, incarnation)];

const ledgers = [1, 2].map(count =>
  encodeLedger({
    writers: ['a', 'b'].slice(0, count),
    entries: [
      { table: 'db.t', purpose: 'ingest', usage: { ...noUsage, put: 12, bytesWritten: 4_096, gbSecond: 0.125 } },
      { table: '', purpose: 'maintenance', usage: { ...noUsage, list: count } },
    ],
  }),
);

export const logTargets: readonly Target[] = [
  {
    name: 'log-record',
    decoders: ['decodeRecord'],
    corpus: () => [...records, claimRecord()],
    mutate: mutateBytes,
    decode: input => {
      decodeRecord(input, where);
      onlyOriginals([...records, claimRecord()], input);
    },
  },
  {
    name: 'log-record-resealed',
    decoders: ['decodeRecord', 'decodeBody', 'decodeIpc'],
    corpus: () => [...records, claimRecord()],
    mutate: mutateRecord,
    decode: input => comesBack(decodeWholeRecord(input), encodeRecord, bytes => decodeRecord(bytes, where)),
    cost: 2,
  },
  {
    name: 'arrow-ipc',
    decoders: ['decodeIpc', 'readIpcMessages'],
    corpus: () => [1, 9, 64].map(rowCount => encodeIpc(sampleBatch(rowCount))),
    mutate: (input, random, other) => (random.next() < 0.6 ? mutateInPlace : mutateBytes)(input, random, other),
    decode: input => {
      const batch = decodeIpc(Uint8Array.from(input), rowType);
      const rows = rowsOf(batch);
      holds(rows.length === batch.rowCount, 'a row for each row');
      holds(rowsOf(decodeIpc(encodeIpc(batch), rowType)).length === rows.length, 'rows that come back');
    },
    cost: 2,
  },
  {
    name: 'log-frame',
    decoders: ['readFrame'],
    corpus: () => [frames],
    mutate: mutateBytes,
    decode: input => {
      for (let at = 0; ; ) {
        const read = readFrame(input, at, 64);
        if (read.kind !== 'record') return read;
        const original = frames.subarray(at, at + read.frameBytes);
        // Padding is not part of the record.
        const length = 24 + read.record.data.length;
        onlyOriginals([original.slice(0, length)], input.slice(at, at + length));
        at += read.frameBytes;
      }
    },
  },
  {
    name: 'log-head',
    decoders: ['decodeHead', 'decodeSegmentHeader'],
    corpus: () => [...heads, ...segments],
    mutate: mutateBytes,
    decode: input => {
      if (decodeHead(input, incarnation) !== undefined) onlyOriginals(heads, input);
      decodeSegmentHeader(input, incarnation, where);
      onlyOriginals(segments, input);
    },
  },
  {
    name: 'object-log-batch',
    decoders: ['decodeBatch', 'decodeBatchHead'],
    corpus: () => batches,
    mutate: mutateBytes,
    decode: input => {
      decodeBatchHead(input, batchPlace);
      decodeBatch(input, batchPlace);
      onlyOriginals(batches, input);
    },
  },
  {
    name: 'object-log',
    decoders: ['decodeLogObject'],
    corpus: () => [encodeLogObject(objectLog), encodeLogObject({ ...objectLog, retentionMs: 5_000 })],
    mutate: mutateJson,
    decode: input => comesBack(decodeLogObject(input, where), encodeLogObject, bytes => decodeLogObject(bytes, where)),
  },
  {
    name: 'object-log-first',
    decoders: ['decodeFirstKept'],
    corpus: () => [encodeFirstKept({ number: 257, previousArrivalMs: 1_000 })],
    mutate: mutateJson,
    decode: input => comesBack(decodeFirstKept(input, where), encodeFirstKept, bytes => decodeFirstKept(bytes, where)),
  },
  {
    name: 'cost-ledger',
    decoders: ['decodeLedger'],
    corpus: () => ledgers,
    mutate: mutateJson,
    decode: input => comesBack(decodeLedger(input, where), encodeLedger, bytes => decodeLedger(bytes, where)),
  },
  {
    name: 'log-meta',
    decoders: ['decodeMeta'],
    corpus: () => metas,
    mutate: mutateJson,
    decode: input => comesBack(decodeMeta(input, where), encodeMeta, bytes => decodeMeta(bytes, where)),
  },
];
