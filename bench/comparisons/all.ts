/** The benches that compare, by name. */
import type { Comparison } from '../run/comparison.ts';
import { compactComparisons } from './compact.ts';
import { readCompactedComparisons, readMergedComparisons, sqlComparisons } from './read.ts';
import { writeComparisons } from './write.ts';

export const comparisons: Readonly<Record<string, readonly Comparison[]>> = {
  write: writeComparisons,
  compact: compactComparisons,
  'read-merged': readMergedComparisons,
  'read-compacted': readCompactedComparisons,
  sql: sqlComparisons,
};
