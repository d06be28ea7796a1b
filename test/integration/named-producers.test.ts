/** Named producers that are killed and come back, and functions that are invoked twice: processes of their own, SIGKILL. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { ManagedProcess } from '../crashes/managed-process.ts';
import type { NamedTask } from '../crashes/named-process.ts';
import { createNamedTables, namedRows, requestCount } from '../crashes/named-tables.ts';
import { startKinesalite } from '../services/kinesalite.ts';

const killsMin = 5;
const livedMsMax = 900;
const seed = Number(process.env['TIDELAKE_CRASH_SEED'] ?? randomInt(2 ** 31));

/** Kills until every request has been sent by somebody to its end, ingest running on and off. */
async function run(settings: LakeSettings, tasks: readonly NamedTask[]): Promise<void> {
  const random = seededRandom(seed);
  await using lake = await openLake(settings);
  const tables = await createNamedTables(lake);
  let ended = 0;
  const faults: string[] = [];
  const processes = tasks.map(
    task =>
      new ManagedProcess({
        name: task.mode,
        script: 'named-process.ts',
        nextTask: () => task,
        onLine: line => {
          if (line.kind === 'read') ended += 1;
          // Of two that are open under a name one is told so, and ends.
          if (line.kind === 'fault' && !/ended by itself with 0|LAKE_PRODUCER_FENCED/.test(line.text))
            faults.push(line.text);
        },
      }),
  );
  let kills = 0;
  try {
    while (ended === 0 || kills < killsMin) {
      expect(faults).toEqual([]);
      for (const process of processes) process.start();
      await Promise.all(processes.map(process => process.ready()));
      await systemClock.sleep(random.next() * livedMsMax);
      for (const process of processes) {
        if (random.next() < 0.3) continue;
        await process.kill();
        kills += 1;
      }
      if (random.next() < 0.5) await lake.ingest();
    }
  } finally {
    for (const process of processes) await process.kill();
  }
  expect(faults).toEqual([]);
  const expected = Array.from({ length: requestCount }, (_, index) => namedRows(index + 1)).flat();
  const values = async (): Promise<readonly bigint[]> =>
    (await tables.rows.scan({ union: true }).rows()).map(({ n }) => n).toSorted((a, b) => Number(a - b));
  // What the log has beyond the table is looked at as readers do, too.
  expect(await values()).toEqual(expected.map(({ n }) => n));
  await lake.ingest();
  expect(await values()).toEqual(expected.map(({ n }) => n));
  const sums = new Map((await tables.sums.scan().rows()).map(({ k, n }) => [k, n]));
  const wanted = new Map<number, bigint>();
  for (const { k, n } of expected) wanted.set(k, (wanted.get(k) ?? 0n) + n);
  expect(sums).toEqual(wanted);
}

const modes = ['resume', 'invoked'] as const;

for (const mode of modes) {
  test(`${mode}, in folders: of two processes that are killed again and again every row is there once`, async () => {
    console.log(`named producers: TIDELAKE_CRASH_SEED=${seed}`);
    const folder = await mkdtemp(join(tmpdir(), 'tidelake-named-'));
    try {
      const settings = { warehouse: `file:${folder}/lake`, log: `file:${folder}/log` };
      await run(settings, [
        { settings, mode },
        { settings, mode },
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 300_000);

  test(`${mode}, through Kinesis: of two processes that are killed again and again every row is there once`, async () => {
    await using kinesis = await startKinesalite();
    const folder = await mkdtemp(join(tmpdir(), 'tidelake-named-'));
    try {
      const { endpoint, region, credentials } = kinesis;
      const settings = {
        warehouse: `file:${folder}/lake`,
        log: `kinesis://named-${mode}`,
        kinesis: { endpoint, region, ...credentials, createWithShards: 2 },
      };
      await run(settings, [
        { settings, mode },
        { settings, mode },
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 300_000);
}
