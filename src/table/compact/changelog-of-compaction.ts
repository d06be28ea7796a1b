/**
 * What a compaction of a bucket has to know of older rows, by the table's options: for its changelog, or because rows of
 * level 0 are merged with them on their way up.
 *
 * @see spec 8.4; Paimon 1.4.2 LookupMergeTreeCompactRewriter, FullChangelogMergeTreeCompactRewriter
 */
import { looksUp } from '../../format/merge-options.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ChangelogSpec } from '../../lsm/changelog-merge.ts';
import { mergeOptionsOf } from '../merge-spec.ts';

/** Undefined: the compaction merges its own files and that is all. */
export function changelogOfCompaction(
  schema: TableSchema,
  levels: { readonly outputLevel: number; readonly lastLevel: number },
): ChangelogSpec | undefined {
  const { changelogProducer, changelog, vectors } = parseTableOptions(schema);
  const { outputLevel, lastLevel } = levels;
  const spec = { ...changelog, topLevel: lastLevel, marks: false };
  if (changelogProducer === 'full-compaction') {
    return outputLevel === lastLevel ? { ...spec, kind: 'full-compaction', isProduced: true } : undefined;
  }
  const isProduced = changelogProducer === 'lookup';
  const marks = vectors.isEnabled;
  if (outputLevel === 0 || !looksUp(schema) || !(isProduced || marks || mergesLevel0(schema))) return undefined;
  return { ...spec, kind: 'lookup', isProduced, marks };
}

/** Whether a row of level 0 is not what it will be one level up. Of plain deduplicate the newest row is, whatever was before. */
export function mergesLevel0(schema: TableSchema): boolean {
  const { engine, sequence } = mergeOptionsOf(schema);
  return looksUp(schema) && (engine.kind !== 'deduplicate' || sequence !== undefined);
}
