/** Groups of readers: more random histories, and many members. */
import { expect, test } from 'vitest';
import { tryCalmHistory, tryHistoryWithCrashes } from '../../../../test/group-histories.ts';
import { GroupWorld } from '../../../../test/group-world.ts';

const minuteMs = 60_000;

test('each row comes once without crashes, and at least once with them', async () => {
  for (let seed = 101; seed <= 130; seed += 1) {
    await tryCalmHistory(seed);
    await tryHistoryWithCrashes(seed);
  }
});

test('a group of 64 members shares 128 shards, and hardly loses a swap to another', async () => {
  const w = new GroupWorld({ seed: 2, shardCount: 128, requestMsMax: 20 });
  await w.play(async () => {
    await using _ = await w.begin();
    await w.write(Array.from({ length: 40 }, (_unused, k) => k));
    const members = Array.from({ length: 64 }, (_unused, index) => w.join(`m${index}`));
    await w.clock.sleep(3 * minuteMs);
    expect(w.held()).toEqual(Array.from({ length: 64 }, () => 2));
    const sum = (name: string): number => members.reduce((total, { requests }) => total + (requests.get(name) ?? 0), 0);
    for (const { requests } of members) requests.clear();
    const versions = w.versions.length;
    await w.clock.sleep(2 * minuteMs);
    const written = w.versions.length - versions;
    expect(written / 120).toBeLessThan(5);
    expect(sum('group putIfMatch') / written).toBeLessThan(1.5);
    expect(w.given.length).toBe(40);
    expect(members.flatMap(({ failures }) => failures)).toEqual([]);
    for (const { leave } of members) leave();
    await Promise.all(members.map(({ ended }) => ended));
  });
});
