/** Splits and merges of the shards with the lowest hash keys, while others append to them and read them. */
import { present } from '../../src/base/assert.ts';
import type { ObjectLogStore } from '../../src/storage/object-log/object-log-store.ts';
import { type HuntWorld, turns } from './world.ts';

const changeCount = 4;
const turnsBetween = 300;
const mergeShare = 0.4;

export async function splitSome(world: HuntWorld, handles: readonly ObjectLogStore[]): Promise<void> {
  const { random } = world;
  for (let change = 0; change < changeCount; change += 1) {
    await turns(turnsBetween);
    const log = random.next() < 0.5 ? present(handles[0], 'handle') : await world.open();
    try {
      const { shards } = await log.describe();
      const [lowest, next] = shards
        .filter(shard => !shard.closed)
        .toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
      const { shardId } = present(lowest, 'open shard');
      if (next !== undefined && random.next() < mergeShare) await log.merge(shardId, next.shardId);
      else await log.split(shardId);
    } catch (error) {
      if (!world.expects(error, log)) world.violate(`split: ${String(error)}`);
    }
  }
}
