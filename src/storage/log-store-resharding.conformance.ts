/** The promises of `LogStore` about splits and merges, for drivers whose fixture can do both. */
import { expect } from 'vitest';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import type { LogPromise } from './log-store.conformance.ts';
import type { LogShard, LogStore } from './log-store.ts';
import { appendAll, openShards, readAll, readToEnd, shardOf, texts } from './log-store-testing.ts';

export const reshardingPromises: readonly LogPromise[] = [
  {
    name: 'a split closes the parent and opens two children that share its range',
    check: async open => {
      const { log, split } = await open();
      const parent = present((await openShards(log))[0], 'shard');
      await present(split, 'split')(parent.shardId);
      const children = await childrenOf(log, parent.shardId, 2);
      expect((await shardOf(log, parent.shardId)).closed).toBe(true);
      expect(children.map(child => child.parentIds)).toEqual([[parent.shardId], [parent.shardId]]);
      expect(children[0]?.hashKeyStart).toBe(parent.hashKeyStart);
      expect(children[1]?.hashKeyEnd).toBe(parent.hashKeyEnd);
      expect(present(children[0], 'child').hashKeyEnd + 1n).toBe(children[1]?.hashKeyStart);
    },
  },
  {
    name: 'a hash key keeps its order across a split when the parent is read to its end first',
    check: async open => {
      const { log, split } = await open();
      const parent = present((await openShards(log))[0], 'shard');
      const hashKeys = [parent.hashKeyStart, parent.hashKeyEnd];
      for (const hashKey of hashKeys) await appendAll(log, hashKey, [`${hashKey} 1`, `${hashKey} 2`]);
      const before = await readAll(log, parent.shardId, { kind: 'earliest' });
      await present(split, 'split')(parent.shardId);
      const children = await childrenOf(log, parent.shardId, 2);
      for (const hashKey of hashKeys) await appendAll(log, hashKey, [`${hashKey} 3`, `${hashKey} 4`]);
      const rest = await readToEnd(log, parent.shardId, before.last.next);
      const seen = [...texts(before.records), ...texts(rest.records)];
      for (const child of children)
        seen.push(...texts((await readAll(log, child.shardId, { kind: 'earliest' })).records));
      for (const hashKey of hashKeys) {
        const own = seen.filter(record => record.startsWith(`${hashKey} `));
        expect(own).toEqual([1, 2, 3, 4].map(number => `${hashKey} ${number}`));
      }
    },
  },
  {
    name: 'a closed shard gives all its records, then says ended, as often as it is asked',
    check: async open => {
      const { log, split } = await open();
      const parent = present((await openShards(log))[0], 'shard');
      await appendAll(log, parent.hashKeyStart, ['a', 'b', 'c']);
      await present(split, 'split')(parent.shardId);
      await childrenOf(log, parent.shardId, 2);
      for (let round = 0; round < 2; round += 1) {
        const all = await readToEnd(log, parent.shardId, { kind: 'earliest' });
        expect(texts(all.records)).toEqual(['a', 'b', 'c']);
        expect(all.last.atTip).toBe(true);
        const again = await readToEnd(log, parent.shardId, all.last.next);
        expect(again.records).toEqual([]);
      }
    },
  },
  {
    name: 'a shard that is closed while it is empty ends without a record',
    check: async open => {
      const { log, split } = await open();
      const parent = present((await openShards(log))[0], 'shard');
      const pinned = await log.read(parent.shardId, { kind: 'latest' });
      await present(split, 'split')(parent.shardId);
      await childrenOf(log, parent.shardId, 2);
      expect((await readToEnd(log, parent.shardId, { kind: 'earliest' })).records).toEqual([]);
      expect((await readToEnd(log, parent.shardId, pinned.next)).records).toEqual([]);
    },
  },
  {
    name: 'a merge closes two neighbours and opens their child, which goes on with both',
    check: async open => {
      const { log, merge } = await open();
      const [low, high] = (await openShards(log)).toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
      const parents = [present(low, 'shard'), present(high, 'shard')];
      for (const parent of parents) await appendAll(log, parent.hashKeyStart, [`${parent.shardId} before`]);
      await present(merge, 'merge')(present(low, 'shard').shardId, present(high, 'shard').shardId);
      const [child] = await childrenOf(log, present(low, 'shard').shardId, 1);
      expect(child?.parentIds.toSorted()).toEqual(parents.map(parent => parent.shardId).toSorted());
      expect(child?.hashKeyStart).toBe(low?.hashKeyStart);
      expect(child?.hashKeyEnd).toBe(high?.hashKeyEnd);
      for (const parent of parents) await appendAll(log, parent.hashKeyStart, [`${parent.shardId} after`]);
      for (const parent of parents) {
        expect(texts((await readToEnd(log, parent.shardId, { kind: 'earliest' })).records)).toEqual([
          `${parent.shardId} before`,
        ]);
      }
      const merged = await readAll(log, present(child, 'child').shardId, { kind: 'earliest' });
      expect(texts(merged.records)).toEqual(parents.map(parent => `${parent.shardId} after`));
    },
  },
  {
    name: 'shards are listed parents before children, also of a child that was split again',
    check: async open => {
      const { log, split } = await open();
      const parent = present((await openShards(log))[0], 'shard');
      await present(split, 'split')(parent.shardId);
      const [child] = await childrenOf(log, parent.shardId, 2);
      await present(split, 'split')(present(child, 'child').shardId);
      await childrenOf(log, present(child, 'child').shardId, 2);
      const { shards } = await log.describe();
      const place = new Map(shards.map((shard, index) => [shard.shardId, index]));
      for (const [index, shard] of shards.entries()) {
        for (const parentId of shard.parentIds) expect(place.get(parentId) ?? -1).toBeLessThan(index);
      }
      expect((await openShards(log)).length).toBe(shards.filter(shard => !shard.closed).length);
    },
  },
];

/** At 25 ms each, five seconds. */
const childrenTriesMax = 200;

/** Waits until the log lists that many children of a shard and the shard is closed: emulators take half a second. */
async function childrenOf(log: LogStore, parentId: string, childCount: number): Promise<readonly LogShard[]> {
  for (let attempt = 0; attempt < childrenTriesMax; attempt += 1) {
    const { shards } = await log.describe();
    const children = shards.filter(shard => shard.parentIds.includes(parentId));
    const closed = shards.find(shard => shard.shardId === parentId)?.closed === true;
    if (closed && children.length === childCount) {
      return children.toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
    }
    await systemClock.sleep(25);
  }
  throw new Error(`${log.uri}: ${parentId} has no ${childCount} children`);
}
