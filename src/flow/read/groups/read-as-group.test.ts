/** Groups of readers, in random histories. */
import { expect, test } from 'vitest';
import { tryCalmHistory, tryHistoryWithCrashes } from '../../../../test/group-histories.ts';

test('without crashes each row comes once, in the order of its key, whoever comes and goes and however shards are split', async () => {
  for (let seed = 1; seed <= 3; seed += 1) await tryCalmHistory(seed);
});

test('with crashes, and members that stand still for longer than their leases, each row comes, in the order of its key', async () => {
  let [lost, repeated] = [0, 0];
  for (let seed = 1; seed <= 5; seed += 1) {
    const tried = await tryHistoryWithCrashes(seed);
    lost += tried.lost;
    repeated += tried.repeated;
  }
  expect(lost).toBeGreaterThan(0);
  expect(repeated).toBeGreaterThan(0);
});
