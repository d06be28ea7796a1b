/** The codec of commit messages: what is not one must not be committed. */
import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, plannedFile } from '../../../test/table-fixture.ts';
import { parseJson } from '../../base/json.ts';
import { seededRandom } from '../../base/random.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { encodeManifest } from '../../format/manifest.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { PlannedFile } from '../../table/commit/request.ts';
import { type CommitMessage, decodeCommitMessage, encodeCommitMessage } from './commit-message.ts';

const clock = new ManualClock();
const table = await fixtureTable(new MemoryObjectStore('memory:message', clock), { clock, random: seededRandom(1) });
const began = 1_000;

function fileNamed(name: string, level = 0): PlannedFile {
  return plannedFile(table, { name, level, uploadBeganMs: began });
}

const message: CommitMessage = {
  tableId: 'table-1',
  tableName: 'd.t',
  schemaId: 3,
  incarnation: 'log-1',
  shardId: 'shard-1',
  from: 7n,
  to: { position: 2n ** 90n, arrivalMs: 12 },
  ended: true,
  files: [fileNamed('a'), fileNamed('b')],
  changelog: [fileNamed('changelog-a')],
  producers: new Map([
    ['0/p', { lastNumber: 5, arrivalMs: 12, named: true }],
    ['1/q', { lastNumber: 6, arrivalMs: 13, named: false }],
  ]),
  forgotten: ['1/r'],
  counters: { rowsIn: 21n, written: 1n, mergedAway: 2n, deadLettered: 3n, duplicates: 15n, gaps: 6n, replayed: 8n },
  events: {
    seen: new Map([
      ['shard-1', { eventMs: -5, seenMs: 12 }],
      ['shard-2', { eventMs: undefined, seenMs: 0 }],
    ]),
    openShardIds: ['shard-1', 'shard-3'],
    overShardIds: ['shard-0'],
  },
  deadLetters: [{ name: 'dead-letters-1', rowCount: 3, entryCount: 2 }],
  origins: new Map([['a', [{ shardId: 'shard-1', position: 2n ** 90n, rowCount: 2 }]]]),
  uploadBeganMs: began,
};

/** A message put together by hand, with a right checksum. */
function framed(header: Uint8Array, manifest: Uint8Array, headerBytes = header.length): Uint8Array {
  const bytes = new Uint8Array(12 + header.length + manifest.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('TCMT'), 0);
  view.setUint8(4, 1);
  view.setUint32(8, headerBytes, true);
  bytes.set(header, 12);
  bytes.set(manifest, 12 + header.length);
  return sealed(bytes);
}

function sealed(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

function headerOf(of: CommitMessage): Record<string, unknown> {
  const bytes = encodeCommitMessage(of);
  const length = new DataView(bytes.buffer).getUint32(8, true);
  return JSON.parse(Buffer.from(bytes.subarray(12, 12 + length)).toString('utf8'));
}

const corrupt = expect.objectContaining({ code: 'LAKE_COMMIT_MESSAGE_CORRUPT' });

/** Corrupt, and it says so with these words. */
function corruptSince(why: string) {
  return expect.objectContaining({
    code: 'LAKE_COMMIT_MESSAGE_CORRUPT',
    message: `commit message at here: ${why}`,
  });
}

const empty: CommitMessage = { ...message, files: [], changelog: [], from: undefined, ended: false };

test('a message comes back as it was sent, also from the middle of a buffer', () => {
  for (const sent of [message, empty, { ...message, uploadBeganMs: began + 1 }]) {
    const came = (file: PlannedFile): PlannedFile => ({ ...file, uploadBeganMs: sent.uploadBeganMs });
    const [files, changelog] = [sent.files.map(came), sent.changelog.map(came)];
    const bytes = encodeCommitMessage(sent);
    expect(decodeCommitMessage(bytes, 'here')).toEqual({ ...sent, files, changelog });
    const around = new Uint8Array(bytes.length + 10);
    around.set(bytes, 5);
    expect(decodeCommitMessage(around.subarray(5, -5), 'here')).toEqual({ ...sent, files, changelog });
  }
});

test('the written form is the one that a commit function of an earlier version reads', () => {
  expect(headerOf(message)).toMatchObject({ replayed: '8', origins: expect.any(String) });
  const counters = { ...message.counters, replayed: 0n };
  const sent = { ...message, changelog: [], origins: new Map(), counters, events: undefined };
  const bytes = encodeCommitMessage(sent);
  expect(decodeCommitMessage(bytes, 'here').counters).toEqual(sent.counters);
  expect(Buffer.from(bytes.subarray(0, 8)).toString('latin1')).toBe('TCMT\u0001\0\0\0');
  expect(headerOf(sent)).toEqual({
    table: 'table-1',
    name: 'd.t',
    schema: 3,
    inc: 'log-1',
    shard: 'shard-1',
    from: '7',
    to: [String(2n ** 90n), 12],
    ended: true,
    producers: { '0/p': [5, 12, 1], '1/q': [6, 13, 0] },
    forgotten: ['1/r'],
    rows: ['21', '1', '2', '3', '15', '6'],
    dead: [['dead-letters-1', 3, 2]],
    began,
  });
  expect(headerOf(empty)).toMatchObject({ from: null, ended: false });
  expect(bytes).toEqual(framed(Buffer.from(JSON.stringify(headerOf(sent))), manifestOf(sent.files)));
});

function manifestOf(files: readonly PlannedFile[]): Uint8Array {
  return encodeManifest(files.map(({ uploadBeganMs: _, ...file }) => ({ ...file, kind: 'add' })));
}

test('bytes that do not begin, hang together or add up as a message are corrupt', () => {
  const good = encodeCommitMessage(empty);
  for (let length = 0; length < good.length; length += 1) {
    const cut = good.subarray(0, length);
    expect(() => decodeCommitMessage(cut, 'here'), `${length} bytes`).toThrow(corrupt);
    if (length >= 16) continue;
    expect(() => decodeCommitMessage(cut, 'here')).toThrow(corruptSince('it does not begin as one'));
  }
  for (const at of [0, 4, 20, good.length - 1]) {
    const flipped = good.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    expect(() => decodeCommitMessage(flipped, 'here'), `byte ${at}`).toThrow(corrupt);
    // With a right checksum, too, what it begins with must be right.
    if (at < 12) expect(() => decodeCommitMessage(sealed(flipped.slice()), 'here'), `byte ${at}`).toThrow(corrupt);
  }
  const header = Buffer.from(JSON.stringify(headerOf(empty)));
  expect(decodeCommitMessage(framed(header, new Uint8Array()), 'here')).toEqual(empty);
  expect(() => decodeCommitMessage(framed(header, new Uint8Array(), header.length + 1), 'here')).toThrow(
    corruptSince('its header is longer than it is'),
  );
  const changed = good.slice();
  changed[20] = (changed[20] ?? 0) ^ 1;
  expect(() => decodeCommitMessage(changed, 'here')).toThrow(corruptSince('its checksum is wrong'));
  const decodeText = (text: string) => decodeCommitMessage(framed(Buffer.from(text), new Uint8Array()), 'here');
  for (const text of ['[]', '1', 'null']) {
    expect(() => decodeText(text), text).toThrow(corruptSince('its header is not an object'));
  }
  for (const text of ['', '{']) {
    expect(() => decodeText(text), text).toThrow(corruptSince('its header is not JSON'));
    expect(() => decodeText(text), text).toThrow(expect.objectContaining({ cause: expect.any(Error) }));
  }
});

test('a header of which any part is not what it should be is corrupt', () => {
  const good = headerOf(empty);
  const bad: readonly Record<string, unknown>[] = [
    ...['table', 'name', 'inc', 'shard'].flatMap(key => [{ [key]: '' }, { [key]: 1 }, { [key]: undefined }]),
    ...['schema', 'began'].flatMap(key => [{ [key]: -1 }, { [key]: 0.5 }, { [key]: '1' }]),
    { from: 7 },
    { from: 'x' },
    { from: undefined },
    { to: ['1'] },
    { to: [1, 2] },
    { to: ['1', -1] },
    { to: {} },
    { rows: ['1', '2', '3', '4', '5'] },
    { rows: ['1', '2', '3', '4', '5', 6] },
    { rows: '123456' },
    { producers: { p: [1, 2] } },
    { producers: { p: ['1', 2, 0] } },
    { producers: { p: [1, -2, 0] } },
    { forgotten: [1] },
    { dead: [['x', 1]] },
    { dead: [['', 1, 1]] },
    { dead: [['x', -1, 1]] },
    { dead: [['x', 1, '1']] },
  ];
  for (const change of bad) {
    const header = Buffer.from(JSON.stringify({ ...good, ...change }));
    const bytes = framed(header, new Uint8Array());
    expect(() => decodeCommitMessage(bytes, 'here'), JSON.stringify(change)).toThrow(corrupt);
  }
  expect(parseJson(JSON.stringify(good))).toEqual(good);
});

test('what is missing in a header is named', () => {
  for (const [change, why] of [
    [{ to: undefined }, 'a list of 2 is missing'],
    [{ rows: [] }, 'a list of 6 is missing'],
    [{ name: undefined }, 'a text is missing'],
    [{ schema: undefined }, 'a count is missing'],
    [{ from: undefined }, 'a number is missing'],
  ] as const) {
    const header = Buffer.from(JSON.stringify({ ...headerOf(empty), ...change }));
    expect(() => decodeCommitMessage(framed(header, new Uint8Array()), 'here')).toThrow(corruptSince(why));
  }
});

test('a header that says nothing of lanes and dead letters has none', () => {
  const { producers, forgotten, dead, changelog: _, ...rest } = headerOf(message);
  expect([producers, forgotten, dead]).not.toContain(undefined);
  const header = Buffer.from(JSON.stringify({ ...rest }));
  expect(decodeCommitMessage(framed(header, new Uint8Array()), 'here')).toEqual({
    ...message,
    files: [],
    changelog: [],
    producers: new Map(),
    forgotten: [],
    deadLetters: [],
  });
});

test('a message that goes nowhere, or backwards, is corrupt', () => {
  for (const position of [6n, 7n]) {
    const still = { ...message, to: { position, arrivalMs: 12 } };
    expect(() => decodeCommitMessage(encodeCommitMessage(still), 'here')).toThrow(
      corruptSince(`it goes from 7 to ${position}`),
    );
  }
  const next = { ...message, to: { position: 8n, arrivalMs: 12 } };
  expect(decodeCommitMessage(encodeCommitMessage(next), 'here')).toEqual(next);
});

test('files of a message are new ones of level 0, each once', () => {
  const twice = { ...message, files: [fileNamed('a'), fileNamed('a')] };
  expect(() => decodeCommitMessage(encodeCommitMessage(twice), 'here')).toThrow(corruptSince('it names a file twice'));
  const compacted = { ...message, files: [fileNamed('a', 1)] };
  const notNew = corruptSince('a is no new file of level 0');
  expect(() => decodeCommitMessage(encodeCommitMessage(compacted), 'here')).toThrow(notNew);
  const { uploadBeganMs: _, ...file } = fileNamed('a');
  const deleting = framed(
    Buffer.from(JSON.stringify(headerOf(message))),
    encodeManifest([{ ...file, kind: 'delete' }]),
  );
  expect(() => decodeCommitMessage(deleting, 'here')).toThrow(notNew);
});
