/**
 * A hunt for interleavings nobody thought of, in the log of an object store (RFC 0015): rival appenders, splitters, removers
 * and readers over a store with stalls, late PUTs and lost answers, with skewed clocks, aborted calls and closed handles.
 */
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { type HuntReport, runHunt } from './run-hunt.ts';

const fixedSeeds = 40;
const freshSeeds = 40;
/** Seeds that failed once, by chance. */
const keptSeeds: readonly number[] = [];

const asked = process.env['TIDELAKE_HUNT_SEED'];
const freshFrom = 1_000 + Math.floor(systemRandom.next() * 2 ** 30);
const seeds: readonly number[] =
  asked !== undefined ? [Number(asked)] : [...range(1, fixedSeeds), ...keptSeeds, ...range(freshFrom, freshSeeds)];
const hint = `TIDELAKE_HUNT_SEED=... repeats one; the fresh ones began at ${freshFrom}`;

function range(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

for (const [name, retentionMs] of [
  ['that keeps all', undefined],
  ['that removes what has expired', 2_000],
] as const) {
  test(`a log ${name} loses nothing, doubles nothing and tells everybody the truth, whoever comes between`, async () => {
    const reports: HuntReport[] = [];
    for (const seed of seeds) {
      const report = await runHunt({ seed, retentionMs });
      expect(report.violations, `seed ${seed}; ${hint}`).toEqual([]);
      reports.push(report);
    }
    if (asked !== undefined) return;
    const total = (what: keyof HuntReport['counts']): number =>
      reports.reduce((sum, { counts }) => sum + counts[what], 0);
    // What the hunt is about has happened, often.
    for (const what of ['failed', 'unanswered', 'aborted', 'closed', 'replaced'] as const) {
      expect(total(what), what).toBeGreaterThan(seeds.length / 2);
    }
    expect(total('appended')).toBeGreaterThan(300 * seeds.length);
    expect(total('shards')).toBeGreaterThan(3 * seeds.length);
    if (retentionMs !== undefined) expect(total('removed')).toBeGreaterThan(50 * seeds.length);
    if (retentionMs !== undefined) expect(total('gaps')).toBeGreaterThan(seeds.length / 4);
  });
}

test('a seed repeats what happened', async () => {
  const settings = { seed: 7, retentionMs: 2_000 };
  expect(await runHunt(settings)).toEqual(await runHunt(settings));
});
