/** A change of the number of buckets on a lake with a log: ALTER TABLE, then INSERT OVERWRITE of the table by its own rows. */
import { expect, test } from 'vitest';
import { type Lake, type LakeError, openLake, t, type WorkerEvent } from '../index.ts';

let lakeNumber = 0;

const columns = { k: t.int(), v: t.string() };

async function write(lake: Lake, name: string, keys: readonly number[], word: string): Promise<void> {
  const table = await lake.table(name, { columns, primaryKey: ['k'] });
  await using writer = table.writer();
  await writer.writeAll(keys.map(k => ({ k, v: `${word}${k}` })));
}

/** Two tables of two buckets, each with four rows that only the log has. */
async function loggedLake(): Promise<Lake> {
  lakeNumber += 1;
  const place = `memory:rescale-${lakeNumber}`;
  const lake = await openLake({ warehouse: place, log: place });
  for (const name of ['d.t', 'd.other']) {
    await lake.createTable(name, { columns, primaryKey: ['k'], options: { bucket: 2 } });
    await write(lake, name, [1, 2, 3, 4], 'old');
  }
  return lake;
}

/** d.t has the schema of four buckets, files of two, and rows in the log that were spread over four. */
async function halfRescaled(): Promise<Lake> {
  const lake = await loggedLake();
  await lake.sql("ALTER TABLE d.t SET ('bucket' = '4')");
  await write(lake, 'd.t', [4, 5], 'new');
  await write(lake, 'd.other', [4, 5], 'new');
  return lake;
}

async function rows(lake: Lake, name: string): Promise<readonly string[]> {
  const found = await (await lake.table(name, { columns, primaryKey: ['k'] })).scan().rows();
  return found.map(({ v }) => v).toSorted();
}

const conflict = { kind: 'conflict', code: 'LAKE_COMMIT_CONFLICT' } satisfies Partial<LakeError>;

test('what the log has acknowledged comes into the table before the number of its buckets changes', async () => {
  await using lake = await loggedLake();
  await lake.sql("ALTER TABLE d.t SET ('bucket' = '4')");
  expect(await rows(lake, 'd.t')).toEqual(['old1', 'old2', 'old3', 'old4']);
  // Other changes wait for nothing.
  await write(lake, 'd.other', [9], 'later');
  await lake.sql("ALTER TABLE d.other SET ('snapshot.num-retained.min' = '3')");
  expect(await rows(lake, 'd.other')).toEqual(['old1', 'old2', 'old3', 'old4']);
});

test('rows under the new number wait for the overwrite, which does not wait for them, and come in after it', async () => {
  await using lake = await halfRescaled();
  await lake.sql('INSERT OVERWRITE d.t SELECT * FROM d.t');
  await lake.ingest();
  expect(await rows(lake, 'd.t')).toEqual(['new4', 'new5', 'old1', 'old2', 'old3']);
  expect(await rows(lake, 'd.other')).toEqual(['new4', 'new5', 'old1', 'old2', 'old3']);
});

test('until then ingest says what it waits for instead of trying for ever, and what counts on its rows is refused', async () => {
  await using lake = await halfRescaled();
  const message = expect.stringMatching(
    /rows of d\.t in the log cannot come into it: .* its partition has 2; overwrite/,
  );
  await expect(lake.ingest()).rejects.toMatchObject({ ...conflict, message });
  await expect(lake.sql('TRUNCATE TABLE d.t')).rejects.toMatchObject({ ...conflict, message });
  await expect(lake.sql("ALTER TABLE d.t SET ('bucket' = '8')")).rejects.toMatchObject({ ...conflict, message });
  // Another table has its rows, and goes on.
  await lake.sql('TRUNCATE TABLE d.other');
  expect(await rows(lake, 'd.other')).toEqual([]);
  expect(await rows(lake, 'd.t')).toEqual(['old1', 'old2', 'old3', 'old4']);
});

test('a worker tells that a table waits for its overwrite', async () => {
  await using lake = await halfRescaled();
  const { promise, resolve } = Promise.withResolvers<WorkerEvent>();
  const onEvent = (event: WorkerEvent): void => {
    if (event.kind === 'failed') resolve(event);
  };
  await using _worker = lake.run({ compaction: false, maintenance: false, onEvent });
  expect(await promise).toMatchObject({ task: 'ingest', table: 'd.t', code: 'LAKE_COMMIT_CONFLICT' });
});
