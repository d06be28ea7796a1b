/** Whether every key of a table with dynamic buckets is where its hash index says, and nowhere besides. */
import { keyHashes } from '../src/format/bucket.ts';
import { decodeHashIndex } from '../src/format/hash-index.ts';
import { hashIndexType } from '../src/format/index-manifest.ts';
import { trimmedPrimaryKeys } from '../src/format/table-schema.ts';
import { indexEntriesOf, readIndexFile } from '../src/table/index-files.ts';
import { readSplit } from '../src/table/read/read-split.ts';
import { planScan } from '../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../src/table/snapshots.ts';
import type { Table } from '../src/table/table.ts';

export type KeyPlaces = {
  /** Buckets with rows, over all partitions. */
  readonly bucketCount: number;
  /** What is wrong, a line each. */
  readonly faults: readonly string[];
};

export async function keyPlaces(table: Table): Promise<KeyPlaces> {
  const snapshot = await latestSnapshot(table);
  const faults: string[] = [];
  const places = new Map<string, number>();
  for (const entry of await indexEntriesOf(table, snapshot)) {
    if (entry.indexType !== hashIndexType) continue;
    const hashes = decodeHashIndex(await readIndexFile(table, entry), entry.fileName);
    if (hashes.length !== entry.rowCount) faults.push(`${entry.fileName} has ${hashes.length} hashes`);
    for (const hash of hashes) {
      const place = placeOf(entry.partition, hash);
      const before = places.get(place);
      if (before !== undefined) faults.push(`hash ${hash} is in bucket ${before} and in ${entry.bucket}`);
      places.set(place, entry.bucket);
    }
  }
  const plan = await planScan(table, snapshot, { withLevel0: true });
  const buckets = new Set<string>();
  for (const split of plan.splits) {
    buckets.add(placeOf(split.partition, split.bucket));
    for await (const rows of readSplit(table, plan, split)) {
      for (const hash of keyHashes(rows, trimmedPrimaryKeys(table.schema))) {
        const indexed = places.get(placeOf(split.partition, hash));
        if (indexed !== split.bucket) faults.push(`hash ${hash} lies in bucket ${split.bucket}, not in ${indexed}`);
      }
    }
  }
  return { bucketCount: buckets.size, faults };
}

function placeOf(partition: Uint8Array, number: number): string {
  return `${Buffer.from(partition).toString('hex')}/${number}`;
}
