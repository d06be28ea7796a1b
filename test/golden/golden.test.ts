// Every golden table is read at every snapshot, tag and branch, and its changes followed: equal, or refused by the name of
// the feature. The counts are exact, so that a table that falls out of what is read does not go unnoticed.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readGolden } from '../../src/service/golden-read.ts';
import { type GoldenVerdict, summarizeGolden } from '../../src/service/golden-verdict.ts';

const root = fileURLToPath(new URL('tables', import.meta.url));

const refused: Readonly<Record<string, string>> = {
  agg_basic: 'merge-engine=aggregation',
  cl_agg_lookup: 'merge-engine=aggregation',
  dv_part: 'deletion-vectors.enabled',
  dv_pk64: 'deletion-vectors.enabled',
  dyn_bucket: 'dynamic bucket (bucket=-1 with a primary key)',
  evo_nested: 'type ROW',
  fr_basic: 'merge-engine=first-row',
  ice_dv: 'deletion-vectors.enabled',
  ignore_delete: 'ignore-delete',
  pu_basic: 'merge-engine=partial-update',
  pu_seqgroup: 'merge-engine=partial-update',
  seq_field: 'sequence.field',
};

test('golden tables read as Paimon reads them, at every snapshot, tag and branch, or are refused by name', async () => {
  const verdicts: GoldenVerdict[] = [];
  for await (const verdict of readGolden({ root }, { clock: systemClock, random: systemRandom }))
    verdicts.push(verdict);
  expect(verdicts.filter(({ status }) => status === 'failed')).toEqual([]);
  const names = verdicts.filter(({ status }) => status === 'refused').map(({ table }) => table);
  expect(names).toEqual(Object.keys(refused));
  for (const { table, status, detail } of verdicts) {
    if (status === 'refused') expect(detail).toContain(`: ${refused[table] ?? '?'} is not supported`);
  }
  expect(summarizeGolden(verdicts)).toEqual({ passed: 61, failed: 0, refused: 12 });
});
