/** All targets. `targets.test.ts` holds that no decoder of the product is left out. */

import type { Target } from './target.ts';
import { avroTargets } from './targets-avro.ts';
import { commandLineTargets } from './targets-command-line.ts';
import { flowTargets } from './targets-flow.ts';
import { logTargets } from './targets-log.ts';
import { metadataTargets } from './targets-metadata.ts';
import { parquetTargets } from './targets-parquet.ts';
import { queryTargets } from './targets-queries.ts';
import { textTargets } from './targets-text.ts';
import { vectorTargets } from './targets-vectors.ts';

export const targets: readonly Target[] = [
  ...metadataTargets,
  ...vectorTargets,
  ...parquetTargets,
  ...avroTargets,
  ...logTargets,
  ...flowTargets,
  ...textTargets,
  ...commandLineTargets,
  ...queryTargets,
];

export function targetNamed(name: string): Target {
  const target = targets.find(candidate => candidate.name === name);
  if (target === undefined) throw new RangeError(`no target ${name}; there are ${targets.map(t => t.name).join(', ')}`);
  return target;
}
