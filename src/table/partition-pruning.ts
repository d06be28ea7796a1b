/**
 * Whether a manifest may speak of a partition, by the minima and maxima its list keeps of them. Pure.
 */
import { deserializeRow } from '../format/binary-row.ts';
import type { ManifestFileMeta } from '../format/manifest.ts';
import { decodeStats } from '../format/stats.ts';
import { compareScalars } from '../types/compare.ts';
import type { DataType } from '../types/data-type.ts';

/** @returns false only when surely none of the partitions (serialized rows) is among the manifest's entries */
export function partitionPruner(
  partitions: readonly Uint8Array[],
  types: readonly DataType[],
): (meta: ManifestFileMeta) => boolean {
  if (types.length === 0) return () => true;
  const rows = partitions.map(partition => deserializeRow(partition, types));
  return meta => {
    const { min, max, nullCounts } = decodeStats(meta.partitionStats, types);
    return rows.some(row =>
      types.every((type, index) => {
        const value = row[index] ?? null;
        if (value === null) return nullCounts[index] !== 0n;
        // NaN and -0 have more than one order; such keys are not worth a mistake.
        if (type.kind === 'float' || type.kind === 'double') return true;
        const [low, high] = [min[index] ?? null, max[index] ?? null];
        if (low === null || high === null) return true;
        return compareScalars(type, low, value) <= 0 && compareScalars(type, value, high) <= 0;
      }),
    );
  };
}
