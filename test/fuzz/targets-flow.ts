/** What stands in the log and beside tables: records, frames, commit messages, states, small objects; and rows from outside. */
import { createHash } from 'node:crypto';
import { seededRandom } from '../../src/base/random.ts';
import { concatBytes } from '../../src/bytes/concat.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import { readDropMarker } from '../../src/catalog/drop-marker.ts';
import { readClaim } from '../../src/flow/claim.ts';
import {
  type CommitMessage,
  decodeCommitMessage,
  encodeCommitMessage,
} from '../../src/flow/group-commit/commit-message.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/flow/ingest/checkpoint.ts';
import { readDeadLetterList, readDeadLetters, storeDeadLetterFile } from '../../src/flow/ingest/dead-letters.ts';
import { decodeState, emptyState, encodeState, type IngestState, noCounters } from '../../src/flow/ingest/state.ts';
import { decodeBody, decodeRecord, encodeBody, encodeRecord, type LogRecord } from '../../src/flow/log-record.ts';
import { encodeManifest } from '../../src/format/manifest.ts';
import { readExpiryRecord } from '../../src/maintenance/expiry-record.ts';
import { encodeFrames, readFrame } from '../../src/storage/local/log-frame.ts';
import {
  decodeHead,
  decodeMeta,
  decodeSegmentHeader,
  encodeHead,
  encodeMeta,
  encodeSegmentHeader,
} from '../../src/storage/local/log-layout.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { readConsumers } from '../../src/table/pins.ts';
import { readSnapshot } from '../../src/table/snapshots.ts';
import type { Table } from '../../src/table/table.ts';
import { tableObjectKey } from '../../src/table/table-objects.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { rowsOf } from '../../src/types/column-reader.ts';
import { decodeIpc, encodeIpc } from '../../src/types/ipc.ts';
import { rowTypeOf, sampleTypes } from '../arbitrary-rows.ts';
import { fixtureTable, ManualClock, plannedFile } from '../table-fixture.ts';
import { goldenFiles, texts } from './corpus.ts';
import { type Mutator, mutateBytes, mutateInPlace } from './mutate-bytes.ts';
import { mutateJson } from './mutate-text.ts';
import { comesBack, holds, type Target } from './target.ts';

const where = 'fuzz';
const incarnation = '01234567-89ab-cdef-0123-456789abcdef';
const types = sampleTypes;
const rowType = rowTypeOf(types);

/** Rows with a value of every type, and nulls between them. */
function sampleBatch(rowCount: number): ReturnType<typeof buildBatch> {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    types.map((type, column) => {
      if ((row + column) % 5 === 4) return null;
      if (type.kind === 'boolean') return row % 2 === 0;
      if (type.kind === 'char' || type.kind === 'varchar') return `text ${row}`;
      if (type.kind === 'binary' || type.kind === 'varbinary') return Uint8Array.of(row, 1, 2);
      if (type.kind === 'bigint' || type.kind === 'decimal') return BigInt(row);
      return type.kind.startsWith('timestamp') ? BigInt(row) * 1_000_000_000n : row;
    }),
  );
  return buildBatch(rowType, rows);
}

function recordOf(rowCount: number): Uint8Array {
  const kinds = Int8Array.from({ length: rowCount }, (_, row) => row % 4);
  const { encoding, body, bodyBytes } = encodeBody({ rows: sampleBatch(rowCount), kinds });
  const header = {
    tableId: 'id',
    tableName: 'db.t',
    schemaId: 3,
    bucket: 2,
    bucketCount: 4,
    producerId: 'p',
    producerNamed: true,
    producerNumber: 9,
    rowCount,
    bodyBytes,
    claim: undefined,
  };
  return encodeRecord({ header, encoding, body });
}

function claimRecord(): Uint8Array {
  const claim = { name: 'claim-1', sizeBytes: 10, sha256: 'ab' };
  const { header } = decodeRecord(recordOf(3), where);
  return encodeRecord({ header: { ...header, claim }, encoding: 'claim', body: new Uint8Array() });
}

const records = [1, 3, 40].map(recordOf);

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

function sealed(bytes: Uint8Array): Uint8Array {
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
function onlyOriginals(originals: readonly Uint8Array[], input: Uint8Array): void {
  holds(
    originals.some(original => Buffer.compare(original, input) === 0),
    'bytes that nobody wrote pass the checksum',
  );
}

const clock = new ManualClock();

/** A store in which one object has these bytes. */
async function storeWith(key: string, bytes: Uint8Array): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore('memory:fuzz', clock);
  await store.put(key, bytes);
  return store;
}

const home = (store: MemoryObjectStore) => ({ store, metaPath: 'd.db/t', label: 'd.t' });

async function tableWith(name: string, bytes: Uint8Array): Promise<Table> {
  const store = new MemoryObjectStore('memory:fuzz', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  await store.put(tableObjectKey(table, name), bytes);
  return table;
}

async function commitMessages(): Promise<readonly Uint8Array[]> {
  const store = new MemoryObjectStore('memory:fuzz', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  const message: CommitMessage = {
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: 0,
    incarnation,
    shardId: 'shard-000000',
    from: 5n,
    to: { position: 90n, arrivalMs: 1_000 },
    ended: false,
    files: ['a', 'b'].map(name => plannedFile(table, { name })),
    producers: new Map([['1/p', { lastNumber: 4, arrivalMs: 900, named: true }]]),
    forgotten: ['0/q'],
    counters: { ...noCounters, rowsIn: 9n, written: 9n },
    deadLetters: [{ name: 'dead-letters-1', rowCount: 2, entryCount: 1 }],
    uploadBeganMs: 77,
  };
  return [encodeCommitMessage(message), encodeCommitMessage({ ...message, files: [], from: undefined })];
}
const messages: readonly Uint8Array[] = await commitMessages();

/** The JSON header or the manifest behind it changes. */
const mutateMessage: Mutator = (input, random, other) => {
  const headerBytes = new DataView(input.buffer, input.byteOffset).getUint32(8, true);
  let header: Uint8Array = input.subarray(12, 12 + headerBytes);
  let manifest: Uint8Array = input.subarray(12 + headerBytes, -4);
  if (random.next() < 0.7) header = mutateJson(header, random, other);
  else manifest = mutateBytes(manifest, random, encodeManifest.length === 0 ? manifest : other);
  const head = input.slice(0, 12);
  new DataView(head.buffer).setUint32(8, header.length, true);
  return sealed(concatBytes([head, header, manifest]));
};

const state: IngestState = {
  ...emptyState(incarnation),
  shards: new Map([['shard-000000', { position: 77n, row: 0, arrivalMs: 1_000, ended: false }]]),
  producers: new Map([['3/producer', { lastNumber: 12, arrivalMs: 900, named: false }]]),
  counters: { ...noCounters, rowsIn: 5n, written: 5n },
  deadLetters: 'dead-letter-list-1',
  isMarked: true,
};
const stateBytes = (value: IngestState): Uint8Array => Buffer.from(encodeState(value));
const stateOf = (bytes: Uint8Array): IngestState => decodeState(Buffer.from(bytes).toString(), where);

async function deadLetterFiles(): Promise<readonly Uint8Array[]> {
  const table = await tableWith('x', new Uint8Array());
  const letter = {
    shardId: 's',
    position: 9n,
    arrivalMs: 5,
    reason: 'unreadable',
    detail: 'why',
    rows: [0, 2],
    rowCount: 3,
    data: Uint8Array.of(1, 2, 3),
  } as const;
  const { name } = await storeDeadLetterFile(table, [letter, { ...letter, rows: undefined }]);
  const object = await table.store.get(tableObjectKey(table, name));
  return [object?.bytes ?? new Uint8Array()];
}
const letterFiles: readonly Uint8Array[] = await deadLetterFiles();

/** One line of JSON lines changes. */
const mutateLines: Mutator = (input, random, other) => {
  const lines = Buffer.from(input).toString().split('\n');
  const at = Math.floor(random.next() * lines.length);
  return Buffer.from(
    lines
      .map((line, index) =>
        index === at ? Buffer.from(mutateJson(Buffer.from(line), random, other)).toString() : line,
      )
      .join('\n'),
  );
};

const frames = encodeFrames([Uint8Array.of(1, 2, 3), new Uint8Array(40), new Uint8Array()], {
  start: 64,
  arrivalMs: 9,
}).bytes;
const metas = [undefined, 5_000].map(retentionMs =>
  encodeMeta({ incarnation, shardCount: 2, segmentBytesMax: 1_000_000, retentionMs }),
);
const heads = [encodeHead({ end: 900, segmentStart: 100, lastArrivalMs: 5 }, incarnation)];
const segments = [encodeSegmentHeader({ start: 100, previousArrivalMs: 5 }, incarnation)];

export const flowTargets: readonly Target[] = [
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
    name: 'commit-message',
    decoders: ['decodeCommitMessage'],
    corpus: () => messages,
    mutate: (input, random, other) => (random.next() < 0.2 ? mutateBytes : mutateMessage)(input, random, other),
    decode: input => {
      const message = decodeCommitMessage(input, where);
      if (message.files.some(({ file }) => file.creationTimeMs === undefined)) return;
      comesBack(message, encodeCommitMessage, bytes => decodeCommitMessage(bytes, where));
    },
  },
  {
    name: 'ingest-state',
    decoders: ['decodeState'],
    corpus: () => [stateBytes(state), stateBytes(emptyState(incarnation))],
    mutate: mutateJson,
    decode: input => comesBack(stateOf(input), stateBytes, stateOf),
  },
  {
    name: 'dead-letters',
    decoders: ['readDeadLetters', 'readDeadLetterList'],
    corpus: () => letterFiles,
    mutate: mutateLines,
    decode: async input => {
      const table = await tableWith('list', Buffer.from('[{"name":"letters","rowCount":6,"entryCount":2}]'));
      await table.store.put(tableObjectKey(table, 'letters'), input);
      for await (const letter of readDeadLetters(table, 'list')) {
        holds(Number.isSafeInteger(letter.rowCount) && letter.rowCount >= 0, 'a count that is none');
        holds(letter.rows?.every(row => Number.isSafeInteger(row) && row >= 0) ?? true, 'a row number that is none');
      }
    },
  },
  {
    name: 'dead-letter-list',
    decoders: ['readDeadLetterList'],
    corpus: () =>
      texts('[{"name":"dead-letters-1","rowCount":6,"entryCount":2},{"name":"b","rowCount":1,"entryCount":1}]'),
    mutate: mutateJson,
    decode: async input => {
      for (const file of await readDeadLetterList(await tableWith('list', input), 'list')) {
        holds(Number.isSafeInteger(file.rowCount) && file.rowCount >= 0, 'a count that is none');
        holds(Number.isSafeInteger(file.entryCount) && file.entryCount >= 0, 'a count that is none');
      }
    },
  },
  {
    name: 'checkpoint',
    decoders: ['readCheckpoint'],
    corpus: () =>
      texts('{"position":"123"}', '{"position":"49590338271490256608559692538361571095921575989136588898"}'),
    mutate: mutateJson,
    decode: async input => {
      const store = await storeWith('x', input);
      await writeCheckpoint(store, incarnation, 's', 1n);
      for await (const page of store.list('tidelake-log/'))
        for (const { key } of page.objects) await store.put(key, input);
      const position = await readCheckpoint(store, incarnation, 's');
      holds(position === undefined || position >= 0n, 'a position below zero');
    },
  },
  {
    name: 'claim',
    decoders: ['readClaim'],
    corpus: () => [records[0] ?? new Uint8Array()],
    mutate: mutateBytes,
    decode: async input => {
      const [original = new Uint8Array()] = records;
      const sha256 = createHash('sha256').update(original).digest('hex');
      const bytes = await readClaim(await storeWith('tidelake/claims/claim-1', input), {
        name: 'claim-1',
        sizeBytes: original.length,
        sha256,
      });
      onlyOriginals([original], bytes);
    },
  },
  {
    name: 'expiry-record',
    decoders: ['readExpiryRecord'],
    corpus: () =>
      texts(
        '{"version":1,"turn":"t","floor":4,"floorIdentity":"m","isOpen":true,"held":[{"id":3,"text":"{}"},{"id":4,"text":"{}"}]}',
        '{"version":1,"turn":"t","floor":1,"isOpen":false,"held":[]}',
      ),
    mutate: mutateJson,
    decode: async input => {
      const record = await readExpiryRecord(home(await storeWith('d.db/t/tidelake/expiry', input)));
      holds(record.floor >= 1 && record.held.every(({ id }) => id >= 1), 'a snapshot number below 1');
    },
  },
  {
    name: 'consumer',
    decoders: ['readConsumers'],
    corpus: () => texts('{"nextSnapshot":7}', '{\n  "nextSnapshot" : 12\n}'),
    mutate: mutateJson,
    decode: async input => {
      for (const consumer of await readConsumers(home(await storeWith('d.db/t/consumer/consumer-c', input)))) {
        holds(Number.isSafeInteger(consumer.nextSnapshot), 'no snapshot number');
      }
    },
  },
  {
    name: 'drop-marker',
    decoders: ['readDropMarker', 'readSnapshot'],
    corpus: () => goldenFiles(/snapshot\/snapshot-1$/),
    mutate: mutateJson,
    decode: async input => {
      const store = await storeWith('d.db/t/snapshot/snapshot-1', input);
      await readDropMarker(store, { database: 'd', table: 't', branch: undefined, systemTable: undefined });
      const snapshot = await readSnapshot(home(store), 1);
      holds(snapshot?.id === 1, 'a snapshot under another number');
    },
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
    name: 'log-meta',
    decoders: ['decodeMeta'],
    corpus: () => metas,
    mutate: mutateJson,
    decode: input => comesBack(decodeMeta(input, where), encodeMeta, bytes => decodeMeta(bytes, where)),
  },
];
