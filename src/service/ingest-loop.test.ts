/** Ingest of the logs that tables name: one worker each, however a log is found. */
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { noteLogName } from '../catalog/log-names.ts';
import type { LogStore } from '../storage/log-store.ts';
import { openMemoryLog } from '../storage/memory/memory-log-store.ts';
import { ingestLoop } from './ingest-loop.ts';
import { openLakeParts } from './lake-parts.ts';
import { NamedLogs } from './named-logs.ts';

const components = { clock: systemClock, random: systemRandom };

test('a log is ingested once, whether it was found in the warehouse or opened by a table', async () => {
  const address = `memory:loop-${systemRandom.uuid()}`;
  await using parts = await openLakeParts({ warehouse: address, log: address });
  await noteLogName(parts.store, 'hot');
  await noteLogName(parts.store, 'warm');
  const described: string[] = [];
  const openLog = async (of: string): Promise<LogStore> => {
    const name = of.slice('memory:'.length);
    const log = openMemoryLog({ name }, components);
    const describe: LogStore['describe'] = options => {
      described.push(name);
      return log.describe(options);
    };
    return new Proxy(log, { get: (target, key) => (key === 'describe' ? describe : bound(target, key)) });
  };
  await using logs = new NamedLogs(parts.log, { address, openLog });
  const stop = new AbortController();
  // A worker asks what shards there are when it begins, and again when time has gone by.
  const clock = { ...systemClock, monotonicMs: () => 0 };
  const running = ingestLoop({ parts: { ...parts, logs, clock }, signal: stop.signal, emit: () => undefined });
  await expect.poll(() => new Set(described).size, { timeout: 10_000 }).toBe(2);
  await logs.open('cold');
  await expect.poll(() => new Set(described).size, { timeout: 10_000 }).toBe(3);
  stop.abort();
  await running;
  expect(described.toSorted()).toEqual(['cold', 'hot', 'warm'].map(name => `${address.slice(7)}-${name}`));
});

function bound(target: LogStore, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key);
  return typeof value === 'function' ? value.bind(target) : value;
}
