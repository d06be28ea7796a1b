import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { logStoreConformance } from '../log-store.conformance.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import { openObjectLog } from './object-log-store.ts';

const components = { clock: systemClock, random: systemRandom };
const settings = { shardCount: 2, pollIntervalMs: 5, idlePollIntervalMs: 20 };

logStoreConformance('object log', ['resharding', 'reopen', 'recreate'], async () => {
  const store = new MemoryObjectStore('memory:log', systemClock);
  const open = async () => await openObjectLog(store, settings, components);
  const log = await open();
  return {
    log,
    split: async shardId => await log.split(shardId),
    merge: async (shardIdA, shardIdB) => await log.merge(shardIdA, shardIdB),
    reopen: open,
    recreate: async () => {
      await store.delete('tidelake-log.json');
      return await open();
    },
  };
});
