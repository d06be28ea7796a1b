/** Where a producer's name stands: by the SDK, by HTTP and in lines. */
import { expect, test } from 'vitest';
import { failed } from '../../test/failed-answer.ts';
import { t } from './column-types.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { openLake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import { standingLines } from './producer-standing.ts';

const address = { warehouse: 'memory:standing', log: 'memory:standing' };
const context = { getRemainingTimeInMillis: () => 60_000 };
const rows = (from: number) => Array.from({ length: 20 }, (_, index) => ({ k: from + index }));

test('a name stands where the table and its log have it, whoever has sent its requests', async () => {
  await using lake = await openLake(address);
  const columns = { k: t.int() };
  const table = await lake.createTable('d.t', { columns, primaryKey: ['k'], options: { bucket: 3 } });
  expect(await table.producerStanding('p')).toEqual({ producer: 'p', lastNumber: undefined, opened: 0, lanes: [] });

  const lane = { number: 7, arrivalMs: expect.any(Number) };
  const inLog = { ...lane, isInTable: false, shardId: expect.any(String), position: expect.any(BigInt) };
  const inTable = { ...lane, isInTable: true, shardId: undefined, position: undefined };
  const { records } = await table.send(rows(0), { producer: 'p', number: 7 });
  await table.send(rows(0), { producer: 'another', number: 99 });
  const before = await table.producerStanding('p');
  expect(before).toMatchObject({ lastNumber: 7, opened: 0, lanes: [inLog, inLog, inLog] });
  expect(before.lanes.map(({ lane: id, shardId, position }) => [id, shardId, position])).toEqual(
    records
      .map(({ lane: id, shardId, position }) => [id, shardId, position])
      .toSorted(([a], [b]) => Number(a) - Number(b)),
  );
  await lake.ingest();
  expect(await table.producerStanding('p')).toMatchObject({ lastNumber: 7, lanes: [inTable, inTable, inTable] });

  const producer = await table.producer('p');
  expect(producer.resumedNumber).toBe(7);
  // One row, so one lane; and what comes again adds nothing.
  await producer.send([{ k: 1 }], { number: 12 });
  await table.send(rows(0), { producer: 'p', number: 7 });
  const after = await table.producerStanding('p');
  expect(after).toMatchObject({ lastNumber: 12, opened: 1 });
  expect(after.lanes.filter(({ number }) => number === 12)).toEqual([
    { ...inLog, lane: expect.any(Number), number: 12 },
  ]);
  expect(after.lanes.filter(({ number }) => number === 7)).toHaveLength(2);
  const [first, ...rest] = standingLines(after);
  expect(first).toBe('p: last number 12, opened 1 times\n');
  expect(rest.filter(line => / {2}7 {2}in the table, 20\d\d-/.test(line))).toHaveLength(2);
  expect(rest.filter(line => / {2}12 {2}at \d+ of shard-/.test(line))).toHaveLength(1);

  await using parts = await openLakeParts(address);
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const ask = (path: string, to = app): Promise<Response> =>
    to.fetch(new Request(`https://lake${path}`), { context, requestId: 'r', report: () => undefined });
  const answer = await ask('/v1/tables/d.t/producers/p');
  expect(await answer.json()).toEqual({
    ...{ table: 'd.t', producer: 'p', opened: 1, lastNumber: 12 },
    lanes: after.lanes.map(({ shardId, position, ...each }) =>
      position === undefined ? each : { ...each, shardId, position: String(position) },
    ),
  });
  expect(await (await ask('/v1/tables/d.t/producers/none')).json()).toMatchObject({ lastNumber: null, lanes: [] });
  expect(await failed(ask('/v1/tables/d.t/producers/a%2Fb'))).toEqual([400, 'LAKE_BAD_PRODUCER']);
  expect(await failed(ask('/v1/tables/d.none/producers/p'))).toEqual([404, 'LAKE_TABLE_NOT_FOUND']);
  const bare = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, undefined));
  expect(await failed(ask('/v1/tables/d.t/producers/p', bare))).toEqual([400, 'LAKE_NO_LOG']);
});
