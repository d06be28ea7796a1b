// Every golden table is read at every snapshot, tag and branch, and its changes followed: equal, or refused by the name of
// the feature. The counts are exact, so that a table that falls out of what is read does not go unnoticed.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readGolden } from '../../src/service/golden-read.ts';
import { type GoldenVerdict, summarizeGolden } from '../../src/service/golden-verdict.ts';

const root = fileURLToPath(new URL('tables', import.meta.url));

test('golden tables read as Paimon reads them, at every snapshot, tag and branch', async () => {
  const verdicts: GoldenVerdict[] = [];
  for await (const verdict of readGolden({ root }, { clock: systemClock, random: systemRandom }))
    verdicts.push(verdict);
  expect(verdicts.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(summarizeGolden(verdicts)).toEqual({ passed: 89, failed: 0, refused: 0 });
});
