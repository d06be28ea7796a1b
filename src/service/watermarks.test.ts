/** Watermarks as users see them: SQL, the library, HTTP and lines, with a log and without. */
import { expect, test } from 'vitest';
import { serverEvents } from '../../test/event-stream.ts';
import { hastyClock } from '../../test/hasty-clock.ts';
import { present } from '../base/assert.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { Lake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import { followLines } from './read-lines.ts';

const columns = 'k INT, ts TIMESTAMP(3), v STRING';
const watermark = "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND";
const ddl = (options: string): string =>
  `CREATE TABLE d.t (${columns}, ${watermark}, PRIMARY KEY (k) NOT ENFORCED) WITH (${options})`;
const minuteMs = 60_000;
const at = (seconds: number): string => new Date(seconds * 1_000).toISOString().slice(0, -1);

async function lakeOf(name: string, options: string, hasLog: boolean) {
  const settings = { warehouse: `memory:${name}`, ...(hasLog ? { log: `memory:${name}` } : {}) };
  const parts = await openLakeParts(settings, { clock: hastyClock(20) });
  const lake = new Lake(parts);
  await lake.sql(`CREATE DATABASE d; ${ddl(options)}`);
  const put = async (...rows: readonly (readonly [k: number, seconds: number])[]): Promise<void> => {
    const values = rows.map(([k, seconds]) => `(${k}, TIMESTAMP '${at(seconds).replace('T', ' ')}', 'v')`);
    await (await lake.sql(`INSERT INTO d.t VALUES ${values.join(', ')}`)).rows();
    if (hasLog) await lake.ingest();
  };
  const rows = async (sql: string): Promise<unknown[]> => [...(await (await lake.sql(sql)).rows())];
  return { parts, lake, put, rows };
}

async function linesOf(lines: AsyncIterable<string>): Promise<readonly unknown[]> {
  return (await Array.fromAsync(lines))
    .join('')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

test.each([true, false])('snapshots have it, go back to it, and readers are told; with a log: %s', async hasLog => {
  const { parts, lake, put, rows } = await lakeOf(`watermarks-${hasLog}`, "'bucket' = '1'", hasLog);
  await using _ = lake;
  await put([1, 100], [2, 110]);
  await put([3, 107], [4, 104]);
  await put([5, 90], [6, 120]);
  const told = await rows('SELECT watermark FROM d.`t$snapshots` ORDER BY snapshot_id');
  expect(told).toEqual([{ watermark: 105_000n }, { watermark: 105_000n }, { watermark: 115_000n }]);
  const keysAt = (ms: number): Promise<unknown[]> =>
    rows(`SELECT count(*) AS n FROM d.t /*+ OPTIONS('scan.watermark' = '${ms}') */`);
  expect([await keysAt(105_000), await keysAt(105_001)]).toEqual([[{ n: 2n }], [{ n: 6n }]]);
  await expect(keysAt(115_001)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });

  const table = await lake.table('d.t');
  const marks: number[] = [];
  const request = { from: 'earliest', until: 'now', onWatermark: (ms: number) => marks.push(ms) } as const;
  const changes = await Array.fromAsync(table.subscribe(request));
  expect(marks).toEqual([105_000, 115_000]);
  const byKey = changes.map(({ row, isLate, watermarkMs }) => [row['k'], isLate, watermarkMs]);
  expect(byKey.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
    [1, false, undefined],
    [2, false, undefined],
    [3, false, 105_000],
    [4, true, 105_000],
    [5, true, 105_000],
    [6, false, 105_000],
  ]);

  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const url = 'https://lake/v1/tables/d.t/changes?from=earliest&until=now&columns=k';
  const answer = await app.fetch(new Request(url), {
    context: { getRemainingTimeInMillis: () => minuteMs },
    requestId: 'invocation-1',
    report: () => undefined,
  });
  const events = await Array.fromAsync(serverEvents(present(answer.body, 'a body')));
  const sent = events.flatMap(({ name, data }) => (name === 'changes' ? [data] : []));
  expect(sent).toMatchObject([{ watermark: 105_000 }, { watermark: 105_000 }, { watermark: 115_000 }]);
  expect(JSON.stringify(sent[1])).toContain('{"op":"+I","late":true,"row":{"k":4}}');
  expect(JSON.stringify(sent[1])).toContain('{"op":"+I","row":{"k":3}}');

  const follow = { from: { snapshot: 1 }, until: 'now', columns: ['k'], json: true, watermarks: true } as const;
  const lines = await linesOf(followLines(parts, 'd.t', { ...follow, signal: new AbortController().signal }));
  expect(lines.filter(line => 'watermark' in Object(line))).toEqual([{ watermark: 105_000 }, { watermark: 115_000 }]);
  expect(lines).toContainEqual({ op: '+I', late: true, row: { k: 5 } });
});

test('a member of a group is told none, also where it reads the snapshots for all', async () => {
  const { lake, put } = await lakeOf('watermarks-group', "'bucket' = '1'", false);
  await using _ = lake;
  await put([1, 100], [2, 110]);
  await put([3, 90]);
  const stop = new AbortController();
  const marks: number[] = [];
  const told: unknown[] = [];
  const request = {
    from: 'earliest',
    group: 'g',
    signal: stop.signal,
    onWatermark: (ms: number) => marks.push(ms),
  } as const;
  for await (const { isLate, watermarkMs } of (await lake.table('d.t')).subscribe(request)) {
    told.push([isLate, watermarkMs]);
    if (told.length === 3) stop.abort();
  }
  expect([told, marks]).toEqual([Array.from({ length: 3 }, () => [false, undefined]), []]);
});

test('who follows the log is told before ingest, goes on with what was told, and waits for no idle shard', async () => {
  const options = "'bucket' = '8', 'scan.watermark.idle-timeout' = '1 min'";
  const { lake } = await lakeOf('watermarks-live', options, true);
  await using _ = lake;
  const table = await lake.table('d.t');
  const send = async (k: number, seconds: number): Promise<void> => {
    await using writer = table.writer();
    await writer.upsert({ k, ts: at(seconds), v: 'v' });
  };
  const follow = async (from: 'latest' | { readonly resume: string }, first: () => Promise<void>) => {
    const stop = new AbortController();
    let place: string | undefined;
    let markMs: number | undefined;
    const late: boolean[] = [];
    const onPlace = (resume: string): void => {
      if (place === undefined) void first();
      place = resume;
    };
    const onWatermark = (ms: number): void => {
      markMs = ms;
      stop.abort();
    };
    for await (const { isLate } of table.subscribe({ from, onPlace, onWatermark, signal: stop.signal }))
      late.push(isLate);
    return { place: present(place, 'a place'), markMs, late };
  };
  // Of eight buckets one has rows: the other shards are silent, and after a minute they are not waited for.
  const begun = await follow('latest', () => send(1, 1_000));
  expect(begun).toMatchObject({ markMs: 995_000, late: [false] });
  const next = await follow({ resume: begun.place }, async () => {
    await send(1, 900);
    await send(1, 1_100);
  });
  expect(next).toMatchObject({ markMs: 1_095_000, late: [true, false] });
});

test('what Flink would not take, and what is not understood, is refused when the table is made', async () => {
  await using lake = new Lake(await openLakeParts({ warehouse: 'memory:watermarks-refused' }));
  await lake.sql('CREATE DATABASE d');
  const code = (clause: string): Promise<unknown> =>
    lake.sql(`CREATE TABLE d.t (k INT, ts TIMESTAMP(3), fine TIMESTAMP(6), ${clause})`).then(
      () => 'made',
      error => error.code,
    );
  expect(await code('WATERMARK FOR k AS k')).toBe('LAKE_BAD_SCHEMA');
  expect(await code('WATERMARK FOR fine AS fine')).toBe('LAKE_BAD_SCHEMA');
  expect(await code('WATERMARK FOR nope AS nope')).toBe('LAKE_BAD_SCHEMA');
  expect(await code("WATERMARK FOR ts AS ts - INTERVAL '1' YEAR")).toBe('LAKE_UNSUPPORTED');
  expect(await code('WATERMARK FOR ts AS ts, WATERMARK FOR ts AS ts')).toBe('LAKE_SQL_SYNTAX');
  expect(await code("WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND")).toBe('made');
  await expect(lake.sql('ALTER TABLE d.t DROP ts')).rejects.toMatchObject({ code: 'LAKE_BAD_SCHEMA' });
  const wrong = lake.sql("ALTER TABLE d.t SET ('scan.watermark.idle-timeout' = 'soon')");
  await expect(wrong).rejects.toMatchObject({ code: 'LAKE_BAD_OPTION' });
});
