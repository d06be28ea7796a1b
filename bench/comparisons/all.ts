/** The benches that compare, by name. */
import type { Comparison } from '../run/comparison.ts';
import { coldStartComparisons } from './coldstart.ts';
import { compactComparisons } from './compact.ts';
import { freshnessComparisons } from './freshness.ts';
import { ingestComparisons } from './ingest.ts';
import { lookupComparisons } from './lookup.ts';
import { memoryComparisons } from './memory.ts';
import { planComparisons } from './plan.ts';
import { readCompactedComparisons, readMergedComparisons, sqlComparisons } from './read.ts';
import { scanFilterComparisons } from './scan-filter.ts';
import { commitComparisons, writeComparisons, writeJsonComparisons } from './write.ts';

export const comparisons: Readonly<Record<string, readonly Comparison[]>> = {
  write: writeComparisons,
  'write-json': writeJsonComparisons,
  compact: compactComparisons,
  'read-merged': readMergedComparisons,
  'read-compacted': readCompactedComparisons,
  sql: sqlComparisons,
  'scan-filter': scanFilterComparisons,
  lookup: lookupComparisons,
  commit: commitComparisons,
  plan: planComparisons,
  ingest: ingestComparisons,
  freshness: freshnessComparisons,
  coldstart: coldStartComparisons,
  memory: memoryComparisons,
};
