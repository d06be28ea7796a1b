/** What flow and maintenance keep beside a table: commit messages, states, dead letters, small objects. */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { seededRandom } from '../../src/base/random.ts';
import { concatBytes } from '../../src/bytes/concat.ts';
import { readDropMarker } from '../../src/catalog/drop-marker.ts';
import { readClaim } from '../../src/flow/claim.ts';
import {
  type CommitMessage,
  decodeCommitMessage,
  encodeCommitMessage,
} from '../../src/flow/group-commit/commit-message.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/flow/ingest/checkpoint.ts';
import { readDeadLetterList } from '../../src/flow/ingest/dead-letter-list.ts';
import { readDeadLetters, storeDeadLetterFile } from '../../src/flow/ingest/dead-letters.ts';
import { decodeRowOrigins, encodeRowOrigins, type RowOrigins } from '../../src/flow/ingest/row-origins.ts';
import { decodeState, emptyState, encodeState, type IngestState, noCounters } from '../../src/flow/ingest/state.ts';
import { readLeases } from '../../src/flow/read/groups/group-file.ts';
import { decodeGroup, encodeGroup, historyUnit } from '../../src/flow/read/groups/group-state.ts';
import { decodeResumePoint, encodeResumePoint } from '../../src/flow/read/resume-point.ts';
import { readReplayFile } from '../../src/flow/replay/replay-file.ts';
import { decodeWatchPlace, encodeWatchPlace, watchName } from '../../src/service/watch/watch-place.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { readConsumerPlace } from '../../src/table/consumer-file.ts';
import { changelogMarksOf, readExpiryRecord } from '../../src/table/expiry-record.ts';
import { readConsumers } from '../../src/table/pins.ts';
import { readSnapshot } from '../../src/table/snapshots.ts';
import type { Table } from '../../src/table/table.ts';
import { tableObjectKey } from '../../src/table/table-objects.ts';
import { fixtureTable, ManualClock, plannedFile } from '../table-fixture.ts';
import { goldenFiles, texts } from './corpus.ts';
import { type Mutator, mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-text.ts';
import { comesBack, holds, type Target } from './target.ts';
import { onlyOriginals, records, sealed } from './targets-log.ts';

const where = 'fuzz';
const incarnation = '01234567-89ab-cdef-0123-456789abcdef';

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

const origins: RowOrigins = new Map([
  ['a', [1n, 2n ** 90n].map(position => ({ shardId: 'shard-000000', position, rowCount: 3 }))],
  ['b', ['shard-000000', 'shard-000001'].map(shardId => ({ shardId, position: 1n, rowCount: 1 }))],
]);
const originsBytes = (value: RowOrigins): Uint8Array => encodeRowOrigins(value) ?? new Uint8Array();

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
    changelog: [plannedFile(table, { name: 'c' })],
    producers: new Map([['1/p', { lastNumber: 4, arrivalMs: 900, named: true }]]),
    forgotten: ['0/q'],
    counters: { ...noCounters, rowsIn: 9n, written: 9n },
    events: {
      seen: new Map([['shard-000000', { eventMs: 5, seenMs: 1_000 }]]),
      openShardIds: ['shard-000000'],
      overShardIds: ['a'],
    },
    deadLetters: [{ name: 'dead-letters-1', rowCount: 2, entryCount: 1 }],
    origins,
    uploadBeganMs: 77,
  };
  return [encodeCommitMessage(message), encodeCommitMessage({ ...message, files: [], changelog: [], from: undefined })];
}
const messages: readonly Uint8Array[] = await commitMessages();

/** The JSON header or the manifest behind it changes. */
const mutateMessage: Mutator = (input, random, other) => {
  const headerBytes = new DataView(input.buffer, input.byteOffset).getUint32(8, true);
  let header: Uint8Array = input.subarray(12, 12 + headerBytes);
  let manifest: Uint8Array = input.subarray(12 + headerBytes, -4);
  if (random.next() < 0.7) header = mutateJson(header, random, other);
  else manifest = mutateBytes(manifest, random, other);
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

/** A file of a replay: a log record on each line. */
function replayLines(of: readonly Uint8Array[]): Uint8Array {
  return Buffer.from(of.map(record => `${JSON.stringify(Buffer.from(record).toString('base64'))}\n`).join(''));
}

const watch = watchName('a query');

export const flowTargets: readonly Target[] = [
  {
    name: 'resume-point',
    decoders: ['decodeResumePoint'],
    corpus: () =>
      texts(
        JSON.stringify({ v: 1, t: 'table-1', s: 3 }),
        JSON.stringify({
          v: 1,
          t: 'table-1',
          s: 0,
          i: incarnation,
          p: { 'shardId-000000000001': '4959' },
          b: { a: '-1' },
        }),
      ),
    mutate: mutateJson,
    // The text is JSON under another name: changed there, most inputs get as far as to be looked at.
    decode: input => {
      const point = decodeResumePoint(Buffer.from(input).toString('base64url'));
      const text = encodeResumePoint(point);
      if (text !== undefined)
        holds(encodeResumePoint(decodeResumePoint(text)) === text, 'a place is another one when it is read again');
      return point;
    },
  },
  {
    name: 'watch-place',
    decoders: ['decodeWatchPlace'],
    corpus: () => {
      const point = { tableId: 'table-1', snapshotId: 3, log: undefined };
      const places = [
        encodeWatchPlace(watch, { kind: 'table', point, snapshotId: 7 }),
        encodeWatchPlace(watch, { kind: 'answer', digest: '0'.repeat(32) }),
      ];
      return texts(...places.flatMap(place => place ?? []));
    },
    mutate: mutateBytes,
    decode: input => {
      const place = decodeWatchPlace(watch, Buffer.from(input).toString('latin1'));
      const text = encodeWatchPlace(watch, place);
      if (text !== undefined)
        holds(
          encodeWatchPlace(watch, decodeWatchPlace(watch, text)) === text,
          'a place is another when it is read again',
        );
      return place;
    },
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
    name: 'row-origins',
    decoders: ['decodeRowOrigins'],
    corpus: () => [inflateRawSync(originsBytes(origins))],
    mutate: mutateJson,
    decode: input => {
      const value = decodeRowOrigins(deflateRawSync(input), where);
      if (value.size > 0) comesBack(value, originsBytes, bytes => decodeRowOrigins(bytes, where));
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
    decoders: ['readDeadLetters', 'readDeadLetterFile', 'readDeadLetterList'],
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
      texts(
        '[{"name":"dead-letters-1","rowCount":6,"entryCount":2},{"name":"b","rowCount":1,"entryCount":1}]',
        '[{"name":"dead-letters-2","rowCount":6,"entryCount":2,"lanes":{"0":1,"15":1}}]',
        '[{"name":"r","rowCount":1,"entryCount":1,"lanes":{"0":1},"letters":[{"name":"l","rowCount":1,"entryCount":1,"snapshot":7}]}]',
      ),
    mutate: mutateJson,
    decode: async input => {
      const { files, replays } = await readDeadLetterList(await tableWith('list', input), 'list');
      for (const file of [...files, ...replays]) {
        holds(Number.isSafeInteger(file.rowCount) && file.rowCount >= 0, 'a count that is none');
        holds(Number.isSafeInteger(file.entryCount) && file.entryCount >= 0, 'a count that is none');
      }
    },
  },
  {
    name: 'replay-file',
    decoders: ['readReplayFile'],
    corpus: () => [replayLines(records), replayLines(records.slice(1))],
    mutate: mutateLines,
    decode: async input => {
      for await (const { header, body } of readReplayFile(await tableWith('replay', input), 'replay')) {
        holds(Number.isSafeInteger(header.producerNumber) && header.producerNumber >= 1, 'a number that is none');
        holds(body.length <= input.length, 'a body that is not there');
      }
    },
  },
  {
    name: 'checkpoint',
    decoders: ['readCheckpoint'],
    corpus: () =>
      texts(
        '{"position":"123","tipMs":1790000000000}',
        '{"position":"49590338271490256608559692538361571095921575989136588898"}',
      ),
    mutate: mutateJson,
    decode: async input => {
      const store = await storeWith('x', input);
      await writeCheckpoint(store, incarnation, 's', { position: 1n });
      for await (const page of store.list('tidelake-log/'))
        for (const { key } of page.objects) await store.put(key, input);
      const { position = 0n, tipMs = 0 } = (await readCheckpoint(store, incarnation, 's')) ?? {};
      holds(position >= 0n, 'a position below zero');
      holds(Number.isSafeInteger(tipMs) && tipMs >= 0, 'a time that is none');
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
        '{"version":1,"turn":"t","floor":9,"isOpen":false,"held":[],"changelogFloor":3,"changelogsGoing":5}',
      ),
    mutate: mutateJson,
    decode: async input => {
      const record = await readExpiryRecord(home(await storeWith('d.db/t/tidelake/expiry', input)));
      const { floor, going } = changelogMarksOf(record);
      const ids = [record.floor, floor, going ?? 1, ...record.held.map(({ id }) => id)];
      holds(
        ids.every(id => id >= 1),
        'a snapshot number below 1',
      );
    },
  },
  {
    name: 'consumer',
    decoders: ['readConsumers', 'readConsumerPlace', 'decodeConsumerPlace'],
    corpus: () => texts('{"nextSnapshot":7}', '{\n  "nextSnapshot" : 12\n}'),
    mutate: mutateJson,
    decode: async input => {
      for (const consumer of await readConsumers(home(await storeWith('d.db/t/consumer/consumer-c', input)))) {
        holds(Number.isSafeInteger(consumer.nextSnapshot), 'no snapshot number');
      }
      const place = await readConsumerPlace(home(await storeWith('d.db/t/consumer/consumer-c', input)), 'c');
      holds(place !== undefined && Number.isSafeInteger(place.nextSnapshot), 'no snapshot number of its reader');
    },
  },
  {
    name: 'group',
    decoders: ['decodeGroup', 'readLeases'],
    corpus: () => [...groupTexts()],
    mutate: mutateJson,
    decode: async input => {
      const state = decodeGroup(input, 'a group');
      const leases = await readLeases(home(await storeWith('d.db/t/consumer/consumer-c', input)), 'c');
      if (state === undefined) return;
      holds(Number.isSafeInteger(state.nextSnapshot), 'no snapshot number');
      for (const [id, { lease }] of state.units) holds(leases.get(id)?.epoch === lease?.epoch, 'another lease');
      const again = decodeGroup(encodeGroup(state, 'w'), 'a group');
      holds(
        again !== undefined && Buffer.from(encodeGroup(again, 'w')).equals(encodeGroup(state, 'w')),
        'another group',
      );
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
];

function groupTexts(): readonly Uint8Array[] {
  const begun = {
    nextSnapshot: 1,
    pinnedMs: 0,
    place: undefined,
    epoch: 1,
    members: new Map([['m', { untilMs: 9, renewal: 1 }]]),
  };
  const unit = { parentIds: [], ended: false, sinceMs: undefined, lease: { memberId: 'm', epoch: 1 } };
  const log = { incarnation: 'i', positions: new Map([['a', 7n]]), bases: new Map(), sinceMs: 3 };
  const units = new Map([
    ['a', { ...unit, ended: true, lease: undefined }],
    ['b', { ...unit, parentIds: ['a'], sinceMs: 4 }],
  ]);
  return [
    encodeGroup({ ...begun, units: new Map([[historyUnit, unit]]) }, 'w'),
    encodeGroup({ ...begun, place: { tableId: 't', snapshotId: 1, log }, units }, 'w'),
  ];
}
