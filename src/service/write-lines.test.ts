import { expect, test } from 'vitest';
import { type LakeParts, openLakeParts } from './lake-parts.ts';
import { scanCount, scanLines } from './read-lines.ts';
import { createTableFromDdl } from './tables.ts';
import { writeLines } from './write-lines.ts';

let lakeNumber = 0;

async function lakeWith(ddl: string, log?: string): Promise<LakeParts> {
  lakeNumber += 1;
  const parts = await openLakeParts({
    warehouse: `memory:write-lines-${lakeNumber}`,
    log: log === undefined ? undefined : `memory:write-lines-${lakeNumber}`,
  });
  await createTableFromDdl(parts, 'db.t', ddl);
  return parts;
}

const keyed = "CREATE TABLE t (k BIGINT PRIMARY KEY NOT ENFORCED, v STRING NOT NULL) WITH ('bucket' = '1')";

/** In pieces that end anywhere. */
async function* pieces(text: string, bytesMax = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += bytesMax) yield bytes.subarray(at, at + bytesMax);
}

async function rows(parts: LakeParts, union = false): Promise<readonly string[]> {
  let text = '';
  for await (const piece of scanLines(parts, 'db.t', { union })) text += piece;
  return text
    .split('\n')
    .filter(line => line !== '')
    .toSorted();
}

const put = (k: number | string, v: string): string =>
  `{"op":"+I","row":{"k":${JSON.stringify(k)},"v":${JSON.stringify(v)}}}\n`;
const commit = '{"op":"commit"}\n';

test('pieces may cut lines and characters anywhere, and the last line needs no end', async () => {
  await using parts = await lakeWith(keyed);
  const text = `${put('9007199254740993', 'grün\nδ')}\r\n\n${put(2, 'x')}${put(3, 'last')}`.trimEnd();
  const receipt = await writeLines(parts, 'db.t', { input: pieces(text, 5), viaLog: false });
  expect(receipt).toEqual({ rowCount: 3, commitCount: 1, snapshotId: 1 });
  expect(await rows(parts)).toEqual([
    '{"k":"2","v":"x"}',
    '{"k":"3","v":"last"}',
    '{"k":"9007199254740993","v":"grün\\nδ"}',
  ]);
});

test('an integer beyond 2^53 that stands as a number keeps every digit', async () => {
  await using parts = await lakeWith(keyed);
  await writeLines(parts, 'db.t', {
    input: pieces('{"op":"+I","row":{"k":9007199254740993,"v":""}}\n'),
    viaLog: false,
  });
  expect(await rows(parts)).toEqual(['{"k":"9007199254740993","v":""}']);
});

test('units before a bad line stay, its own unit does not', async () => {
  await using parts = await lakeWith(keyed);
  const text = `${put(1, 'a')}${commit}${commit}${put(2, 'b')}{"op":"+I","row":{"k":3,"v":4}}\n`;
  await expect(writeLines(parts, 'db.t', { input: pieces(text), viaLog: false })).rejects.toMatchObject({
    code: 'LAKE_BAD_VALUE',
    message: expect.stringMatching(/^line 5: column v /),
  });
  expect(await rows(parts)).toEqual(['{"k":"1","v":"a"}']);
});

test('a delete needs no more than the key', async () => {
  await using parts = await lakeWith(keyed);
  const text = `${put(1, 'a')}${put(2, 'b')}${commit}{"op":"-D","row":{"k":1}}\n`;
  await writeLines(parts, 'db.t', { input: pieces(text), viaLog: false });
  expect(await rows(parts)).toEqual(['{"k":"2","v":"b"}']);
});

test('through the log, a bad line keeps its whole unit out', async () => {
  await using parts = await lakeWith(keyed, 'log');
  await writeLines(parts, 'db.t', { input: pieces(put(1, 'a')), viaLog: true });
  expect(await scanCount(parts, 'db.t', {})).toBe(0n);
  expect(await rows(parts, true)).toEqual(['{"k":"1","v":"a"}']);
  await expect(
    writeLines(parts, 'db.t', { input: pieces(`${put(2, 'b')}{"op":"+I"}\n`), viaLog: true }),
  ).rejects.toMatchObject({ code: 'LAKE_BAD_LINE' });
  expect(await rows(parts, true)).toEqual(['{"k":"1","v":"a"}']);
  await writeLines(parts, 'db.t', { input: pieces(put(3, 'c')), viaLog: false });
  expect(await scanCount(parts, 'db.t', {})).toBe(2n);
});

test('each kind of bad line has its code and its number', async () => {
  await using parts = await lakeWith(keyed);
  const cases = [
    ['LAKE_BAD_LINE', '{"op":"+I","row":{"k"'],
    ['LAKE_BAD_LINE', '[]'],
    ['LAKE_BAD_LINE', '{"row":{"k":1}}'],
    ['LAKE_BAD_LINE', '{"op":"upsert","row":{"k":1}}'],
    ['LAKE_BAD_LINE', '{"op":"+I","row":[1]}'],
    ['LAKE_BAD_VALUE', '{"op":"+I","row":{"k":1}}'],
    ['LAKE_BAD_VALUE', '{"op":"+I","row":{"k":1,"v":"","w":1}}'],
    ['LAKE_BAD_VALUE', '{"op":"+I","row":{"k":"9223372036854775808","v":""}}'],
    ['LAKE_BAD_VALUE', '{"op":"-D","row":{"v":""}}'],
  ];
  for (const [code, line] of cases) {
    await expect(
      writeLines(parts, 'db.t', { input: pieces(`${put(1, 'a')}${line}\n`), viaLog: false }),
    ).rejects.toMatchObject({ code, message: expect.stringMatching(/^line 2: /) });
  }
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(0xff, 0xfe, 10);
  };
  await expect(writeLines(parts, 'db.t', { input: broken(), viaLog: false })).rejects.toMatchObject({
    code: 'LAKE_BAD_LINE',
  });
  await expect(writeLines(parts, 'db.t', { input: pieces(put(1, 'a')), viaLog: true })).rejects.toMatchObject({
    code: 'LAKE_NO_LOG',
  });
  expect(await rows(parts)).toEqual([]);
});

test('an append table takes rows, and no deletes', async () => {
  await using parts = await lakeWith('CREATE TABLE t (k BIGINT, v STRING)');
  await writeLines(parts, 'db.t', { input: pieces(put(1, 'a') + put(1, 'a')), viaLog: false });
  expect(await rows(parts)).toHaveLength(2);
  const text = '{"op":"-D","row":{"k":1}}\n';
  await expect(writeLines(parts, 'db.t', { input: pieces(text), viaLog: false })).rejects.toMatchObject({
    code: 'LAKE_BAD_LINE',
  });
});
