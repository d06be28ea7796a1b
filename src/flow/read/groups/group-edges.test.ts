/** Groups of readers at their edges: what they ask for, who takes their name, what retention takes away. */
import { expect, test } from 'vitest';
import { GroupWorld } from '../../../../test/group-world.ts';
import { readConsumers, unpin } from '../../../table/pins.ts';
import { rowsOf } from '../../../types/column-reader.ts';
import { openTestTable } from '../../testing.ts';
import { consume } from '../consume.ts';
import { follow } from './follow.ts';
import { readAsGroup } from './read-as-group.ts';

const minuteMs = 60_000;
const keys = Array.from({ length: 40 }, (_, k) => k);
const keyed = { primaryKeys: ['k'], options: { bucket: '8' } };

test('a quiet group asks for two requests a renewal, and one member now and then for the snapshot that it holds', async () => {
  const w = new GroupWorld({ seed: 1, shardCount: 8 });
  await w.play(async () => {
    await using _ = await w.begin();
    await w.write(keys);
    const members = ['a', 'b', 'c'].map(name => w.join(name));
    await w.clock.sleep(5 * minuteMs);
    expect(w.held()).toEqual([2, 3, 3]);
    for (const { requests } of members) requests.clear();
    await w.clock.sleep(10 * minuteMs);
    const sums = new Map<string, number>();
    for (const { requests } of members) {
      for (const [name, count] of requests) sums.set(name, (sums.get(name) ?? 0) + count);
      const asked = (requests.get('group get') ?? 0) + (requests.get('group putIfMatch') ?? 0);
      expect(asked / 10).toBeGreaterThan(11);
      expect(asked / 10).toBeLessThan(16);
    }
    // Two LISTs a minute, for all of them.
    expect(sums.get('list')).toBeLessThanOrEqual(22);
    expect([...sums.keys()].toSorted()).toEqual(['group get', 'group putIfMatch', 'list']);
    for (const { leave } of members) leave();
    await Promise.all(members.map(({ ended }) => ended));
  });
});

test('a member that was given up is told so, and can not move the place of what another reads', async () => {
  const w = new GroupWorld({ seed: 3, shardCount: 1 });
  await w.play(async () => {
    await using _ = await w.begin();
    const first = w.join('first');
    await w.clock.sleep(5_000);
    await w.write([1]);
    await w.clock.sleep(1_000);
    expect(first.given.map(({ n }) => n)).toEqual([1]);
    first.pause(3 * minuteMs);
    const second = w.join('second');
    await w.clock.sleep(minuteMs);
    await w.write([1]);
    await w.clock.sleep(minuteMs);
    expect(second.given.map(({ n }) => n)).toEqual([1, 2]);
    await w.clock.sleep(2 * minuteMs);
    expect([first.failures, second.failures]).toEqual([['LAKE_LEASE_LOST'], []]);
    const epochs = [first, second].map(({ given }) => given.at(-1)?.lease?.epoch ?? 0);
    expect(epochs[1]).toBeGreaterThan(epochs[0] ?? 0);
    for (const { leave } of [first, second]) leave();
    await Promise.all([first.ended, second.ended]);
    expect(w.given.length).toBe(3);
  });
});

test('a group goes on where a consumer stands, and a consumer where the group does, who is told', async () => {
  const w = new GroupWorld({ seed: 4, ...keyed });
  await w.play(async () => {
    await using ingest = await w.begin();
    const read = async (): Promise<readonly unknown[]> => {
      const request = { from: { kind: 'full' }, until: { kind: 'now' }, consumerId: 'g' } as const;
      const found: unknown[] = [];
      for await (const { rows } of consume(w, await openTestTable(w), request, new AbortController().signal)) {
        found.push(...rowsOf(rows).map(([k]) => Number(k)));
      }
      return found;
    };
    await w.write([1]);
    expect(await read()).toEqual([1]);
    await w.write([2]);
    const member = w.join('a');
    await w.clock.sleep(minuteMs);
    expect(member.given.map(({ k }) => k)).toEqual([2]);
    await ingest.drain();
    await w.write([3]);
    await w.clock.sleep(minuteMs);
    const table = await openTestTable(w);
    expect(await readConsumers(table)).toMatchObject([{ consumerId: 'g', nextSnapshot: 1 }]);
    await w.write([4]);
    expect(await read()).toEqual([4]);
    await w.clock.sleep(minuteMs);
    expect(member.failures).toEqual(['LAKE_CONSUMER_TAKEN']);
    // Both were given the fourth. Whoever runs the member has let it begin again: it is a group once more.
    await w.write([5]);
    await w.clock.sleep(minuteMs);
    expect(member.given.map(({ k }) => k)).toEqual([2, 3, 4, 5]);
    await unpin(table, 'g');
    await w.clock.sleep(minuteMs);
    expect(member.failures).toEqual(['LAKE_CONSUMER_TAKEN', 'LAKE_CONSUMER_TAKEN']);
    // It has begun from full.
    expect(new Set(member.given.slice(4).map(({ k }) => k))).toEqual(new Set([1, 2, 3, 4, 5]));
    member.leave();
    await member.ended;
  });
});

test('a group that retention has passed is given what it missed from snapshots, by one member, and then the log', async () => {
  const retentionMs = 3_600_000;
  const w = new GroupWorld({ seed: 5, retentionMs, ...keyed });
  await w.play(async () => {
    await using ingest = await w.begin();
    const first = w.join('a');
    await w.write(keys);
    await w.clock.sleep(minuteMs);
    first.leave();
    await first.ended;
    await w.write(keys);
    await ingest.drain();
    await w.clock.sleep(2 * retentionMs);
    await w.write(keys);
    const members = ['b', 'c'].map(name => w.join(name));
    await w.clock.sleep(5 * minuteMs);
    const last = new Map(w.given.map(({ k, n }) => [k, n]));
    expect(last).toEqual(w.written);
    expect(w.broken).toEqual([]);
    expect(w.held()).toEqual([2, 2]);
    const repeats = w.given.filter(({ mayRepeat }) => mayRepeat);
    expect(new Set(repeats.map(({ lease }) => lease?.shardId))).toEqual(new Set([undefined]));
    for (const { leave } of members) leave();
    await Promise.all(members.map(({ ended }) => ended));
  });
});

test('what was taken just before retention passes a member does not come again in a table without keys', async () => {
  const retentionMs = 10 * minuteMs;
  const w = new GroupWorld({ seed: 7, retentionMs, shardCount: 1 });
  await w.play(async () => {
    await using ingest = await w.begin();
    const stop = new AbortController();
    const given: number[] = [];
    const reading = (async () => {
      const request = { from: { kind: 'full' }, group: { groupId: 'g' } } as const;
      for await (const { rows } of readAsGroup(w, await openTestTable(w), request, stop.signal)) {
        given.push(...rowsOf(rows).map(([, , n]) => Number(n)));
        // Its leases are renewed meanwhile, and the log forgets what follows.
        await w.clock.sleep(3 * retentionMs, stop.signal).catch(() => undefined);
      }
    })();
    await w.clock.sleep(minuteMs);
    await w.write([1]);
    await w.clock.sleep(minuteMs);
    expect(given).toEqual([1]);
    await w.write([1]);
    await w.write([1]);
    await ingest.drain();
    await w.clock.sleep(10 * retentionMs);
    stop.abort();
    await reading;
    expect(given).toEqual([1, 2, 3]);
  });
});

test('a table that is followed by its snapshots has one reader of a group at a time, and others that stand by', async () => {
  const w = new GroupWorld({ seed: 6, primaryKeys: ['k'], options: { bucket: '2', 'changelog-producer': 'input' } });
  await w.play(async () => {
    await using ingest = await w.begin();
    const members = ['a', 'b'].map(name => w.join(name));
    await w.write([1]);
    await ingest.drain();
    await w.clock.sleep(minuteMs);
    const [reader, other] = members.toSorted((a, b) => b.given.length - a.given.length);
    expect([reader?.given.length, other?.given.length]).toEqual([1, 0]);
    reader?.crash();
    await w.write([2]);
    await ingest.drain();
    await w.clock.sleep(2 * minuteMs);
    expect(other?.given.map(({ k }) => k)).toEqual([2]);
    other?.leave();
    await other?.ended;
  });
});

test('what a group can not be is refused by name', async () => {
  const w = new GroupWorld({ seed: 7 });
  await w.play(async () => {
    await using _ = await w.begin();
    const table = await openTestTable(w);
    const { signal } = new AbortController();
    const from = { kind: 'full' } as const;
    const code = async (ask: () => AsyncGenerator): Promise<unknown> => {
      try {
        return await ask().next();
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error;
      }
    };
    const group = { groupId: 'g' };
    expect(await code(() => follow(w, table, { from, group, consumerId: 'c' }, signal))).toBe('LAKE_BAD_OPTION');
    expect(await code(() => follow(w, table, { from, group, until: { kind: 'now' } }, signal))).toBe('LAKE_BAD_RANGE');
    expect(await code(() => follow(w, table, { from, group: { groupId: '../g' } }, signal))).toBe('LAKE_BAD_NAME');
    expect(await code(() => follow(w, { ...table, id: undefined }, { from, group }, signal))).toBe('LAKE_UNSUPPORTED');
  });
});
