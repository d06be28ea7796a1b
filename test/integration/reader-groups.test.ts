/** A group of readers in processes of their own, which are killed again and again: SIGKILL, on a log in a folder. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom } from '../../src/base/random.ts';
import { openLake, t } from '../../src/index.ts';
import type { GroupTask } from '../crashes/group-process.ts';
import { ManagedProcess } from '../crashes/managed-process.ts';

const seed = Number(process.env['TIDELAKE_CRASH_SEED'] ?? randomInt(2 ** 31));
const leaseMs = 1_500;
const killsMin = 6;
const keyCount = 16;
const waitMsMax = 120_000;

test('of two members that are killed again and again each row is given, none before those before it of its key', async () => {
  console.log(`reader groups: TIDELAKE_CRASH_SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-groups-'));
  const settings = { warehouse: `file:${folder}/lake`, log: `file:${folder}/log` };
  const faults: string[] = [];
  const given = new Map<number, number>();
  const givers = new Set<string>();
  const processes = ['a', 'b'].map(
    name =>
      new ManagedProcess({
        name,
        script: 'group-process.ts',
        nextTask: (): GroupTask => ({ settings, leaseMs }),
        onLine: line => {
          if (line.kind === 'fault') faults.push(line.text);
          if (line.kind !== 'given') return;
          const { k, n } = line;
          const last = given.get(k) ?? 0;
          if (n > last + 1) faults.push(`row ${n} of key ${k} came to ${name} when ${last} had been given`);
          given.set(k, Math.max(last, n));
          givers.add(name);
        },
      }),
  );
  try {
    await using lake = await openLake(settings);
    const columns = { k: t.int(), n: t.int() };
    const table = await lake.createTable('g.rows', { columns, options: { bucket: 8, 'bucket-key': 'k' } });
    await using writer = table.writer();
    let written = 0;
    const write = async (): Promise<void> => {
      written += 1;
      await Promise.all(Array.from({ length: keyCount }, (_, k) => writer.insert({ k, n: written })));
    };
    let kills = 0;
    while (kills < killsMin) {
      for (const process of processes) process.start();
      await Promise.all(processes.map(process => process.ready()));
      await write();
      await systemClock.sleep(random.next() * 4_000);
      await write();
      if (random.next() < 0.5) await lake.ingest();
      for (const process of processes) {
        if (random.next() < 0.4) continue;
        await process.kill();
        kills += 1;
      }
      expect(faults).toEqual([]);
    }
    for (const process of processes) process.start();
    await write();
    const untilMs = systemClock.monotonicMs() + waitMsMax;
    const isAllGiven = (): boolean =>
      Array.from({ length: keyCount }, (_, k) => given.get(k)).every(n => n === written);
    while (!isAllGiven() && systemClock.monotonicMs() < untilMs) await systemClock.sleep(100);
    expect(given).toEqual(new Map(Array.from({ length: keyCount }, (_, k) => [k, written])));
    expect([...givers].toSorted()).toEqual(['a', 'b']);
    for (const process of processes) await process.stop();
    expect(faults).toEqual([]);
  } finally {
    for (const process of processes) await process.kill();
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
