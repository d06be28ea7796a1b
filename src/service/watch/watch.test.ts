/** Watches against what was really there: random changes, each complete batch is a state that the watched has had. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from 'vitest';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { followChanges, watchedKinds } from '../../../test/watched-turns.ts';
import { present } from '../../base/assert.ts';
import { openLake } from '../lake.ts';

const clock = hastyClock(50);
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folderUri(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-watch-'));
  folders.push(folder);
  return `file:${folder}`;
}

for (const [name, watched] of Object.entries(watchedKinds)) {
  test(`${name}, of a lake with a log: each complete batch is a state it has had`, async () => {
    for (const seed of [1, 2]) {
      const uri = await folderUri();
      await using lake = await openLake({ warehouse: uri, log: `${uri}/log` }, { clock });
      await followChanges(lake, watched, { seed, hasLog: true });
    }
  }, 120_000);

  test(`${name}, of a lake without a log: each complete batch is a state it has had`, async () => {
    await using lake = await openLake({ warehouse: await folderUri() }, { clock });
    await followChanges(lake, watched, { seed: 3, hasLog: false });
  }, 120_000);
}

test('a table that merges otherwise than by the newest row is watched by its answers', async () => {
  const uri = await folderUri();
  await using lake = await openLake({ warehouse: uri, log: `${uri}/log` }, { clock });
  await followChanges(lake, present(watchedKinds['table'], 'it'), {
    seed: 4,
    hasLog: true,
    options: { 'changelog-producer': 'lookup' },
  });
}, 120_000);
