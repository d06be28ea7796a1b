/**
 * Filters that look at partitions only: which manifests may speak of a partition that passes, and which partitions do.
 * Pure.
 */
import { deserializeRow } from '../format/binary-row.ts';
import type { ManifestFileMeta } from '../format/manifest.ts';
import { fieldsNamed, type TableSchema } from '../format/table-schema.ts';
import { buildBatch } from '../types/column-builder.ts';
import { evaluatePredicate } from '../types/filter.ts';
import type { Predicate } from '../types/predicate.ts';
import { mayMatch } from '../types/prune.ts';
import { partitionKey } from './live-files.ts';
import { statsRanges } from './scan/prune-files.ts';

export type PartitionFilter = {
  /** false: surely no entry of the manifest passes. */
  readonly mayMatch: (meta: ManifestFileMeta) => boolean;
  /** @param partition a serialized row */
  readonly matches: (partition: Uint8Array) => boolean;
};

/** @param predicate over partition keys only; undefined: everything passes */
export function partitionFilter(schema: TableSchema, predicate: Predicate | undefined): PartitionFilter {
  if (predicate === undefined) return { mayMatch: () => true, matches: () => true };
  const fields = fieldsNamed(schema, schema.partitionKeys);
  const types = fields.map(field => field.type);
  const answers = new Map<string, boolean>();
  return {
    mayMatch: meta => {
      const entryCount = meta.numAddedFiles + meta.numDeletedFiles;
      return mayMatch(predicate, { fields }, statsRanges(meta.partitionStats, { fields }), entryCount);
    },
    matches: partition => {
      const key = partitionKey(partition);
      const known = answers.get(key);
      if (known !== undefined) return known;
      const answer = evaluatePredicate(predicate, buildBatch({ fields }, [deserializeRow(partition, types)]))[0] === 1;
      answers.set(key, answer);
      return answer;
    },
  };
}
