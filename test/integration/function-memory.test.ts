// What is deployed with 512 MB must do with them, whatever it is given: each function does its hardest work, bundled, under
// AWS's runtime client, in a process that is killed when it takes more. Memory does not depend on how busy the machine is.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FunctionWorld } from '../function-loads/function-world.ts';
import { type Load, loads, tableName } from '../function-loads/loads.ts';
import { sqlEvent } from '../services/function-events.ts';

const memoryMb = 512;
/** Of the whole work of the benchmark, which holds no more at a time and takes longer. */
const scales: Readonly<Record<Load['name'], number>> = {
  ingest: 0.4,
  commit: 1,
  compact: 0.4,
  maintain: 0.1,
  query: 0.4,
  catalog: 1,
};

let world: FunctionWorld;

beforeAll(async () => {
  world = await FunctionWorld.open();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test.each(loads.map((load, index) => ({ ...load, lake: `lake-${index}` })))(
  '$name: 512 MB are enough for $what',
  async ({ name, what, lake, prepare, isDone }) => {
    const events = await prepare(world, lake, scales[name]);
    expect(events.length).toBeGreaterThan(0);
    await using deployed = world.function(name, { lake, memoryMb });
    for (const event of events) {
      const { answer, report } = await deployed.invoke(event);
      console.log(`${name}, ${what}: ${report.memoryMbMax} MB`);
      expect(isDone(answer), answer).toBe(true);
      expect(report.status).toBe('success');
    }
  },
);

test('a process that takes more is killed, and its invocation fails', async () => {
  const index = loads.findIndex(({ name }) => name === 'query');
  await using deployed = world.function('query', { lake: `lake-${index}`, memoryMb: 128 });
  const sql = `SELECT s1, count(*) AS c FROM ${tableName} GROUP BY s1 ORDER BY c, s1 LIMIT 1`;
  await expect(deployed.invoke(sqlEvent(sql))).rejects.toThrowError(/signal: killed/);
});
