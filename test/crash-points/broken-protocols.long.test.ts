/** Protocols that are wrong on purpose: what strikes every step must find each of them out, and say where. */
import { expect, test } from 'vitest';
import { startAbove } from '../../src/flow/ingest/checkpoint.ts';
import { ingestEvent, openEventIngest } from '../../src/flow/ingest/ingest-event.ts';
import { neededUnder, roots, tablePath } from '../maintenance-fixture.ts';
import { commitScenarios } from './commit-scenarios.ts';
import { ingestScenarios } from './ingest-scenarios.ts';
import { openLakeTable, rowsNamed, writeRows } from './lake-table.ts';
import { maintenanceScenarios } from './maintenance-scenarios.ts';
import { producerScenarios } from './producer-scenarios.ts';
import { CrashPointsFailed, type Scenario, strikeEverywhere } from './scenario.ts';

function scenarioNamed(scenarios: readonly Scenario[], name: string): Scenario {
  const found = scenarios.find(({ operation }) => operation === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}

async function failureOf(scenario: Scenario): Promise<string> {
  try {
    await strikeEverywhere({ ...scenario, diesTwice: false });
  } catch (error) {
    if (error instanceof CrashPointsFailed) return error.message;
    throw error;
  }
  return 'nothing was found';
}

test('ingest that acknowledges a batch before it has committed it is found out', async () => {
  const failure = await failureOf({
    ...scenarioNamed(ingestScenarios, 'ingest by events'),
    async run(process) {
      await using ingest = openEventIngest({ ...process, commitLog: undefined });
      for (const { shardId } of (await process.log.describe()).shards) {
        const { records: envelopes } = await process.world.log.read(shardId, startAbove(undefined));
        const last = envelopes.at(-1);
        if (last === undefined) continue;
        process.acknowledge(`${shardId}@${last.position}`);
        await ingestEvent(ingest, { shardId, envelopes, deadlineMs: process.clock.monotonicMs() + 30_000 });
      }
    },
  });
  expect(failure).toMatch(/crash points fail:\n.*before step \d+ .*: what is acknowledged of .* is in the table/);
});

test('a producer that acknowledges rows before the log has them is found out', async () => {
  const scenario = scenarioNamed(producerScenarios, 'producer');
  const failure = await failureOf({
    ...scenario,
    run: process =>
      scenario.run({
        ...process,
        log: {
          ...process.log,
          append(records, options) {
            process.acknowledge('first 0');
            return process.log.append(records, options);
          },
        },
      }),
  });
  expect(failure).toMatch(/rows of first 0, acknowledged: true, are there 0,/);
});

test('a writer that writes again without looking whether its commit came about is found out', async () => {
  const failure = await failureOf({
    ...scenarioNamed(commitScenarios, 'commit of rows that are kept'),
    async resume(process) {
      if (process.world.acknowledged.has('written')) return;
      await writeRows(process, rowsNamed('new', 5, 25), { commitUser: 'writer' });
    },
  });
  expect(failure).toMatch(/after step \d+ \(putIfAbsent d\.db\/t\/snapshot\/snapshot-3\)/);
  expect(failure).not.toMatch(/before step \d+ \(putIfAbsent d\.db\/t\/snapshot\/snapshot-3\)/);
});

test('expiry that removes data files before the snapshot that names them is found out', async () => {
  const failure = await failureOf({
    ...scenarioNamed(maintenanceScenarios, 'expiry before a consumer comes'),
    async run(process) {
      const table = await openLakeTable(process);
      const all = (await roots(process.world.store)).toSorted((a, b) => a.snapshot.id - b.snapshot.id);
      const [oldest, ...kept] = all;
      if (oldest === undefined) throw new Error('there is no snapshot');
      const needed = new Set<string>();
      for (const root of kept) for (const key of await neededUnder(process.world.store, table, root)) needed.add(key);
      for (const key of await neededUnder(process.world.store, table, oldest)) {
        if (!needed.has(key)) await process.store.delete(key);
      }
      await process.store.delete(`${tablePath}/snapshot/snapshot-${oldest.snapshot.id}`);
    },
  });
  expect(failure).toMatch(/after step \d+ \(delete d\.db\/t\/[^)]*\)/);
});

test('an operation whose process fails with a bug of its own is found out', async () => {
  const scenario = scenarioNamed(commitScenarios, 'first commit');
  const failure = await failureOf({
    ...scenario,
    run: process =>
      scenario.run(process).catch(() => {
        throw new TypeError('a bug of its own');
      }),
  });
  expect(failure).toMatch(/a bug of its own/);
});

test('an operation that asks nothing of its stores is refused, since nothing would be struck', async () => {
  const scenario = { ...scenarioNamed(commitScenarios, 'commit'), run: async () => undefined };
  await expect(strikeEverywhere(scenario)).rejects.toThrow('commit reads and writes, or its stores are not watched');
});
