/**
 * Commits at scale, in simulation: 1,000 writers at one table of 100,000 files, each with a swap of its own, and through a
 * commit function. Virtual time with the latencies of S3 and Kinesis (`test/simulation/scale/latencies.ts`), metadata only, the same figures for
 * the same seed. docs/SCALE.md has them. Run: `npm run bench -- scale [--seed N] [--writers N] [--files N]`.
 */
import { parseArgs } from 'node:util';
import { simulateScale } from '../test/simulation/scale/simulate.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { seed: { type: 'string' }, writers: { type: 'string' }, files: { type: 'string' } },
});
const countOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Number(text);
const seed = countOf(values.seed, 1);
const files = countOf(values.files, 100_000);
const many = countOf(values.writers, 1_000);
/** Of many writers with swaps of their own one commit each is enough to see, and all that a computer has time for. */
const loads = [
  { writers: 1, everyMs: 10_000, commitsEach: { swap: 20, message: 20 } },
  { writers: 10, everyMs: 10_000, commitsEach: { swap: 10, message: 10 } },
  { writers: 100, everyMs: 10_000, commitsEach: { swap: 4, message: 4 } },
  { writers: many, everyMs: 60_000, commitsEach: { swap: 1, message: 2 } },
  { writers: many, everyMs: 10_000, commitsEach: { swap: 1, message: 2 } },
];
for (const { commitsEach, ...load } of loads) {
  for (const by of ['swap', 'message'] as const) {
    const settings = { seed, by, files, buckets: 1_000, commitsPerWriter: commitsEach[by], ...load };
    const startedMs = performance.now();
    const figures = await simulateScale(settings);
    const tookSeconds = Number(((performance.now() - startedMs) / 1_000).toFixed(1));
    console.log(JSON.stringify({ bench: 'scale', ...settings, ...figures, tookSeconds }));
  }
}
