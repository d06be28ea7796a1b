import {
  appendFile,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { LogStart } from '../log-store.ts';
import { appendAll, readAll, text, texts } from '../log-store-testing.ts';
import { type LocalLogSettings, type LocalLogStore, openLocalLog } from './local-log-store.ts';
import { encodeFrames } from './log-frame.ts';
import { encodeSegmentHeader, headerBytes, segmentFileName } from './log-layout.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tidelake-log-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function open(
  path: string,
  settings: Partial<LocalLogSettings> = {},
  clock = systemClock,
): Promise<LocalLogStore> {
  const log = await openLocalLog({ path, shardCount: 1, ...settings }, { clock, random: systemRandom });
  cleanups.push(async () => log[Symbol.asyncDispose]());
  return log;
}

const shardId = 'shard-000000';
const earliest: LogStart = { kind: 'earliest' };
const firstSegment = (path: string): string => join(path, shardId, segmentFileName(0));

async function all(log: LocalLogStore, from: LogStart = earliest): Promise<readonly string[]> {
  return texts((await readAll(log, shardId, from)).records);
}

async function codeOf(action: Promise<unknown>): Promise<LakeErrorCode | undefined> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isLakeError(error) ? error.code : undefined;
}

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await openFile(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, offset);
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 0xff), 0, 1, offset);
  await file.close();
}

test('a torn tail is never read, and the next appender cuts it off', async () => {
  const path = await folder();
  const log = await open(path);
  const [kept] = await appendAll(log, 0n, ['kept']);
  const end = Number(present(kept, 'outcome').position);
  const torn = encodeFrames([text('torn '.repeat(20))], { start: end, arrivalMs: 1 }).bytes;
  for (const length of [1, 7, 8, 23, 24, 25, torn.byteLength - 1]) {
    await appendFile(firstSegment(path), torn.subarray(0, length));
    expect(await all(log)).toEqual(['kept']);
    const opened = await open(path);
    expect(await all(opened)).toEqual(['kept']);
    expect((await stat(firstSegment(path))).size).toBe(headerBytes + end);
  }
  await appendFile(firstSegment(path), torn.subarray(0, 40));
  await appendAll(log, 0n, ['next']);
  expect(await all(log)).toEqual(['kept', 'next']);
});

test('zeros and rubbish behind the end are cut off as well', async () => {
  const path = await folder();
  const log = await open(path);
  await appendAll(log, 0n, ['a']);
  for (const rubbish of [new Uint8Array(5000), new Uint8Array(5000).fill(0xab)]) {
    await appendFile(firstSegment(path), rubbish);
    await appendAll(log, 0n, ['b']);
  }
  expect(await all(log)).toEqual(['a', 'b', 'b']);
});

test('whole records that a dead process left behind the end are kept, up to the torn one', async () => {
  const path = await folder();
  const log = await open(path);
  const [first] = await appendAll(log, 0n, ['a']);
  const start = Number(present(first, 'outcome').position);
  const left = encodeFrames([text('left 1'), text('left 2'), text('torn')], { start, arrivalMs: 5 }).bytes;
  await appendFile(firstSegment(path), left.subarray(0, -3));
  expect(await all(log)).toEqual(['a']);
  await appendAll(log, 0n, ['b']);
  expect(await all(log)).toEqual(['a', 'left 1', 'left 2', 'b']);
  expect(await all(await open(path))).toEqual(['a', 'left 1', 'left 2', 'b']);
});

test('a record broken before the end is LAKE_LOG_CORRUPT and nothing is cut off', async () => {
  const path = await folder();
  const log = await open(path);
  const appended = await appendAll(log, 0n, ['a', 'b'.repeat(100), 'c']);
  const sizeBytes = (await stat(firstSegment(path))).size;
  const second = headerBytes + Number(present(appended[0], 'outcome').position);
  await flipByte(firstSegment(path), second + 30);
  expect(await codeOf(all(log))).toBe('LAKE_LOG_CORRUPT');
  const opened = await open(path);
  expect(await codeOf(all(opened))).toBe('LAKE_LOG_CORRUPT');
  expect((await stat(firstSegment(path))).size).toBe(sizeBytes);
  expect(texts((await log.read(shardId, earliest, { recordsMax: 1 })).records)).toEqual(['a']);
  expect(await all(log, { kind: 'after', position: present(appended[1], 'outcome').position })).toEqual(['c']);
});

test('a byte changed anywhere in a segment is noticed', async () => {
  const path = await folder();
  const log = await open(path);
  await appendAll(log, 0n, ['12345678', 'abcdefgh']);
  await log[Symbol.asyncDispose]();
  const bytes = await readFile(firstSegment(path));
  for (let offset = 0; offset < bytes.byteLength; offset += 1) {
    await flipByte(firstSegment(path), offset);
    const opened = await openLocalLog({ path }, { clock: systemClock, random: systemRandom }).catch(
      (error: unknown) => error,
    );
    const code = opened instanceof Error ? await codeOf(Promise.reject(opened)) : await codeOf(all(await open(path)));
    expect(code, `byte ${offset}`).toBe('LAKE_LOG_CORRUPT');
    if (!(opened instanceof Error)) await Object(opened)[Symbol.asyncDispose]();
    await flipByte(firstSegment(path), offset);
  }
});

test('a segment shorter than the head says is LAKE_LOG_CORRUPT for readers and appenders', async () => {
  const path = await folder();
  const log = await open(path);
  await appendAll(log, 0n, ['a', 'b']);
  await truncate(firstSegment(path), headerBytes + 40);
  expect(await codeOf(all(log))).toBe('LAKE_LOG_CORRUPT');
  expect(await codeOf(appendAll(log, 0n, ['c']))).toBe('LAKE_LOG_CORRUPT');
});

test('broken metadata, head or segment names are LAKE_LOG_CORRUPT with the file named', async () => {
  const path = await folder();
  const log = await open(path);
  await appendAll(log, 0n, ['a']);
  const meta = join(path, 'tidelake-log.json');
  const good = await readFile(meta, 'utf8');
  for (const bad of [
    '',
    '{',
    '[]',
    '{"format":"x"}',
    good.replace('"version": 1', '"version": 9'),
    good.replace('1', '0'),
  ]) {
    await writeFile(meta, bad);
    await expect(open(path)).rejects.toThrow(/tidelake-log\.json/);
    expect(await codeOf(open(path)), bad).toBe('LAKE_LOG_CORRUPT');
  }
  await writeFile(meta, good);
  const head = join(path, shardId, 'head');
  for (const offset of [0, 9, 13, 20, 33]) {
    await flipByte(head, offset);
    expect(await codeOf(open(path)), `byte ${offset}`).toBe('LAKE_LOG_CORRUPT');
    await flipByte(head, offset);
  }
  expect(await all(await open(path))).toEqual(['a']);
});

test('a position that is no record is refused, and one beyond the end too', async () => {
  const path = await folder();
  const log = await open(path);
  const [first] = await appendAll(log, 0n, ['first', 'second']);
  const position = present(first, 'outcome').position;
  expect(await codeOf(log.read(shardId, { kind: 'after', position: position + 8n }))).toBe('LAKE_LOG_CORRUPT');
  expect(await codeOf(log.read(shardId, { kind: 'after', position: 1_000_000n }))).toBe('LAKE_LOG_POSITION');
  expect(await codeOf(log.read(shardId, { kind: 'after', position: -1n }))).toBe('LAKE_LOG_POSITION');
});

test('a handle on a deleted log refuses to append and to read', async () => {
  const path = await folder();
  const log = await open(join(path, 'log'));
  await appendAll(log, 0n, ['a']);
  await rm(join(path, 'log'), { recursive: true });
  expect(await codeOf(appendAll(log, 0n, ['b']))).toBe('LAKE_LOG_NOT_FOUND');
  expect(await codeOf(all(log))).toBe('LAKE_LOG_NOT_FOUND');
  const again = await open(join(path, 'log'));
  await appendAll(again, 0n, ['c']);
  expect(await codeOf(appendAll(log, 0n, ['d']))).toBe('LAKE_LOG_NOT_FOUND');
  expect(await codeOf(log.describe())).toBe('LAKE_LOG_NOT_FOUND');
  expect(await all(again)).toEqual(['c']);
});

test('segments roll at their limit and reads go over their borders', async () => {
  const path = await folder();
  const log = await open(path, { segmentBytesMax: 1000 });
  const written: string[] = [];
  for (let index = 0; index < 60; index += 1) {
    written.push(`${index} ${'x'.repeat(index * 3)}`);
    await appendAll(log, 0n, written.slice(-1));
  }
  const segments = (await readdir(join(path, shardId))).filter(name => name.endsWith('.log'));
  expect(segments.length).toBeGreaterThan(5);
  expect(await all(log)).toEqual(written);
  const { records } = await readAll(log, shardId, earliest, { recordsMax: 7 });
  expect(texts(records)).toEqual(written);
  for (const [index, record] of records.entries()) {
    expect(await all(log, { kind: 'after', position: record.position })).toEqual(written.slice(index + 1));
  }
});

test('a segment that was made by a process which then died is taken over empty', async () => {
  const path = await folder();
  const log = await open(path, { segmentBytesMax: 100 });
  const [first] = await appendAll(log, 0n, ['a'.repeat(200)]);
  const start = Number(present(first, 'outcome').position);
  const { incarnation } = await log.describe();
  const leftover = Buffer.concat([
    encodeSegmentHeader({ start, previousArrivalMs: 0 }, incarnation),
    encodeFrames([text('nobody was told')], { start, arrivalMs: 1 }).bytes,
  ]);
  await writeFile(join(path, shardId, segmentFileName(start)), leftover);
  expect(await all(log)).toEqual(['a'.repeat(200)]);
  await appendAll(log, 0n, ['b']);
  expect(await all(log)).toEqual(['a'.repeat(200), 'b']);
  expect(await all(await open(path))).toEqual(['a'.repeat(200), 'b']);
});

test('retention removes old segments whole and tells the truth about gaps and times', async () => {
  const path = await folder();
  let nowMs = 1_000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const log = await open(path, { segmentBytesMax: 100, retentionMs: 500 }, clock);
  const positions: bigint[] = [];
  for (let index = 0; index < 10; index += 1) {
    nowMs = 1_000 + index * 100;
    const [outcome] = await appendAll(log, 0n, [`${index}`.repeat(100)]);
    positions.push(present(outcome, 'outcome').position);
  }
  const kept = (await all(log)).map(record => Number(record[0]));
  expect(kept).toEqual([4, 5, 6, 7, 8, 9]);
  const beforeKept = await readAll(log, shardId, { kind: 'after', position: present(positions[2], 'position') });
  expect(beforeKept.records.length).toBe(6);
  const gapAt = async (from: LogStart): Promise<boolean> => (await log.read(shardId, from)).gap;
  expect(await gapAt({ kind: 'after', position: present(positions[2], 'position') })).toBe(true);
  expect(await gapAt({ kind: 'after', position: present(positions[3], 'position') })).toBe(false);
  expect(await gapAt({ kind: 'timestamp', arrivalMs: 1_300 })).toBe(true);
  expect(await gapAt({ kind: 'timestamp', arrivalMs: 1_301 })).toBe(false);
  expect(await gapAt(earliest)).toBe(false);
  for (const index of kept) {
    const from: LogStart = { kind: 'timestamp', arrivalMs: 1_000 + index * 100 };
    expect((await all(log, from)).map(record => Number(record[0]))).toEqual(kept.filter(each => each >= index));
  }
  const reader = await open(path, {}, clock);
  expect((await all(reader)).length).toBe(6);
  nowMs = 10_000;
  await appendAll(log, 0n, ['new']);
  expect(await all(reader)).toEqual(['new']);
  expect((await reader.read(shardId, { kind: 'after', position: present(positions[5], 'position') })).gap).toBe(true);
});
