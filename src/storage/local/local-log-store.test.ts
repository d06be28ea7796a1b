import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { logStoreConformance } from '../log-store.conformance.ts';
import { openLocalLog } from './local-log-store.ts';

const components = { clock: systemClock, random: systemRandom };

logStoreConformance('local', ['reopen', 'recreate'], async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-log-'));
  const path = join(folder, 'a', 'log');
  const log = await openLocalLog({ path }, components);
  return {
    log,
    reopen: () => openLocalLog({ path }, components),
    recreate: async () => {
      await rm(path, { recursive: true });
      return await openLocalLog({ path }, components);
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
