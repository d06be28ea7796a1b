import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { checkPromise, type LogFixture, type LogPromise, logPromises } from './log-store.conformance.ts';
import type { LogAppend, LogReadResult, LogStart, LogStore } from './log-store.ts';
import { MemoryLogStore } from './memory/memory-log-store.ts';

// The suite itself is tested: for each way a driver can break a promise, some check must fail.

const all: readonly LogPromise[] = Object.values(logPromises).flat();

/** A log that is right but for what `breakIt` changes. */
function wrongLog(breakIt: (right: LogStore) => Partial<LogStore>): LogFixture {
  const components = { clock: systemClock, random: systemRandom };
  let memory = new MemoryLogStore({ name: 'wrong' }, components);
  const right: LogStore = {
    uri: memory.uri,
    supports: memory.supports,
    describe: (...call) => memory.describe(...call),
    append: (...call) => memory.append(...call),
    read: (...call) => memory.read(...call),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
  const log = { ...right, ...breakIt(right) };
  return {
    log,
    split: async shardId => memory.split(shardId),
    merge: async (shardIdA, shardIdB) => memory.merge(shardIdA, shardIdB),
    reopen: async () => log,
    recreate: async () => {
      memory = new MemoryLogStore({ name: 'wrong' }, components);
      return log;
    },
  };
}

/** A log whose answers to reads are changed. */
function wrongReads(change: (result: LogReadResult, from: LogStart) => LogReadResult): () => LogFixture {
  return () =>
    wrongLog(right => ({
      read: async (shardId, from, options) => change(await right.read(shardId, from, options), from),
    }));
}

/** A log that takes other records than it is given. */
function wrongAppends(change: (records: readonly LogAppend[]) => readonly LogAppend[]): () => LogFixture {
  return () =>
    wrongLog(right => ({ append: async (records, options) => await right.append(change(records), options) }));
}

const wrongLogs: Readonly<Record<string, () => LogFixture>> = {
  'records of a call are turned round': wrongAppends(records => records.toReversed()),
  'outcomes come in the order of shards': () =>
    wrongLog(right => ({
      append: async (...call) =>
        (await right.append(...call)).toSorted((a, b) => (Object(a).shardId < Object(b).shardId ? -1 : 1)),
    })),
  'a record is lost now and then': () => {
    let count = 0;
    return wrongLog(right => ({
      append: async (records, options) => {
        count += records.length;
        return count % 7 === 0
          ? (await right.append([...records, ...records])).slice(records.length)
          : await right.append(records, options);
      },
    }));
  },
  'hash keys do not decide the shard': wrongAppends(records =>
    records.map(({ hashKey, data }) => ({ data, hashKey: (hashKey + (1n << 127n)) % (1n << 128n) })),
  ),
  'positions are told one too low': () =>
    wrongLog(right => ({
      append: async (...call) =>
        (await right.append(...call)).map(outcome =>
          outcome.status === 'appended' ? { ...outcome, position: outcome.position - 1n } : outcome,
        ),
    })),
  'the caller keeps the buffer': () => {
    const kept: { data: Uint8Array; text: string }[] = [];
    return wrongLog(right => ({
      append: async (records, options) => {
        for (const { data } of records) kept.push({ data, text: Buffer.from(data).toString('latin1') });
        return await right.append(records, options);
      },
      read: async (...call) => {
        const result = await right.read(...call);
        const through = (data: Uint8Array): Uint8Array =>
          kept.find(each => each.text === Buffer.from(data).toString('latin1'))?.data ?? data;
        return { ...result, records: result.records.map(record => ({ ...record, data: through(record.data) })) };
      },
    }));
  },
  'large records are cut': wrongReads(result => ({
    ...result,
    records: result.records.map(record => ({ ...record, data: record.data.subarray(0, 500_000) })),
  })),
  'arrival times go back': wrongReads(result => ({
    ...result,
    records: result.records.map(record => ({ ...record, arrivalMs: -Number(record.position) })),
  })),
  'a read after a position gives it again': () =>
    wrongLog(right => ({
      read: async (shardId, from, options) =>
        await right.read(shardId, from.kind === 'after' ? { ...from, position: from.position - 1n } : from, options),
    })),
  'a read after a position skips one': wrongReads((result, from) =>
    from.kind === 'after' ? { ...result, records: result.records.slice(1) } : result,
  ),
  'latest is not pinned': wrongReads((result, from) =>
    from.kind === 'latest' ? { ...result, next: { kind: 'latest' } } : result,
  ),
  'latest gives the last record': () =>
    wrongLog(right => ({
      read: async (shardId, from, options) => {
        const result = await right.read(shardId, from, options);
        if (from.kind !== 'latest' || result.next.kind !== 'after') return result;
        return {
          ...result,
          next: { kind: 'after', position: result.next.position > 0n ? result.next.position - 1n : 0n },
        };
      },
    })),
  'a time begins with the last record before it': () =>
    wrongLog(right => ({
      read: async (shardId, from, options) =>
        await right.read(
          shardId,
          from.kind === 'timestamp' ? { ...from, arrivalMs: from.arrivalMs - 10 } : from,
          options,
        ),
    })),
  'a time to come is taken for the beginning': () =>
    wrongLog(right => ({
      read: async (shardId, from, options) => {
        const result = await right.read(shardId, from, options);
        if (from.kind !== 'timestamp' || result.records.length > 0) return result;
        return await right.read(shardId, { kind: 'earliest' }, options);
      },
    })),
  'an empty answer goes back to the beginning': wrongReads(result =>
    result.records.length === 0 ? { ...result, next: { kind: 'earliest' } } : result,
  ),
  'limits are not kept': () => wrongLog(right => ({ read: async (shardId, from) => await right.read(shardId, from) })),
  'a cut answer says it is at the tip': wrongReads(result => ({ ...result, atTip: true })),
  'an open shard says it has ended': wrongReads(result => ({ ...result, ended: result.atTip })),
  'a closed shard never ends': wrongReads(result => ({ ...result, ended: false })),
  'there are gaps that are none': wrongReads(result => ({ ...result, gap: true })),
  'a closed shard is listed as open': () =>
    wrongLog(right => ({
      describe: async (...call) => {
        const description = await right.describe(...call);
        return { ...description, shards: description.shards.map(shard => ({ ...shard, closed: false })) };
      },
    })),
  'children are listed before parents': () =>
    wrongLog(right => ({
      describe: async (...call) => {
        const description = await right.describe(...call);
        return { ...description, shards: description.shards.toReversed() };
      },
    })),
  'children do not know their parents': () =>
    wrongLog(right => ({
      describe: async (...call) => {
        const description = await right.describe(...call);
        return {
          ...description,
          shards: description.shards.map(shard => ({ ...shard, parentIds: shard.parentIds.slice(0, 1) })),
        };
      },
    })),
  'ranges overlap': () =>
    wrongLog(right => ({
      describe: async (...call) => {
        const description = await right.describe(...call);
        return {
          ...description,
          shards: description.shards.map(shard => ({ ...shard, hashKeyEnd: shard.hashKeyEnd + 1n })),
        };
      },
    })),
  'the incarnation is another at each look': () =>
    wrongLog(right => ({
      describe: async (...call) => ({ ...(await right.describe(...call)), incarnation: systemRandom.uuid() }),
    })),
  'the incarnation is the name': () =>
    wrongLog(right => ({
      describe: async (...call) => ({ ...(await right.describe(...call)), incarnation: right.uri }),
    })),
  'signals are not looked at': () => wrongLog(right => ({ append: async records => await right.append(records) })),
  'records that are too large are taken': () =>
    wrongLog(right => ({
      append: async (records, options) =>
        await right.append(
          records.map(({ hashKey, data }) => ({ hashKey, data: data.subarray(0, 1 << 20) })),
          options,
        ),
    })),
  'a call with a record that is too large is half done': () =>
    wrongLog(right => ({
      append: async (records, options) => {
        const fits = records.filter(({ data }) => data.byteLength <= 1 << 20);
        const outcomes = await right.append(fits, options);
        if (fits.length < records.length) await right.append(records, options);
        return outcomes;
      },
    })),
  'a shard that is not there is empty': () =>
    wrongLog(right => ({
      read: async (...call) =>
        await right.read(...call).catch((error: unknown) => {
          if (!isLakeError(error, 'LAKE_LOG_NOT_FOUND')) throw error;
          return { records: [], next: call[1], atTip: true, ended: false, gap: false, behindMs: 0 };
        }),
    })),
  'disposing twice fails': () => {
    let disposed = false;
    return wrongLog(() => ({
      async [Symbol.asyncDispose]() {
        if (disposed) throw new Error('twice');
        disposed = true;
      },
    }));
  },
};

/** The first promise that is broken. */
async function brokenPromise(open: () => LogFixture): Promise<string | undefined> {
  for (const { name, check } of all) {
    const failed = await checkPromise(check, async () => open()).then(
      () => false,
      () => true,
    );
    if (failed) return name;
  }
  return undefined;
}

for (const [wrong, open] of Object.entries(wrongLogs)) {
  test(`the suite finds that ${wrong}`, async () => {
    expect(await brokenPromise(open)).toBeDefined();
  });
}

test('the suite finds nothing wrong with a right log', async () => {
  expect(await brokenPromise(() => wrongLog(() => ({})))).toBeUndefined();
});
