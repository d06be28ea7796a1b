/** Rows told apart by bucket, and put together again. */

/** Row numbers of each bucket, in the batch's order. */
export function indexByBucket(buckets: Int32Array, bucketCount: number): readonly Uint32Array[] {
  const counts = new Uint32Array(bucketCount);
  for (const bucket of buckets) counts[bucket] = (counts[bucket] ?? 0) + 1;
  const index = Array.from(counts, count => new Uint32Array(count));
  counts.fill(0);
  buckets.forEach((bucket, row) => {
    const at = counts[bucket] ?? 0;
    const rows = index[bucket];
    if (rows !== undefined) rows[at] = row;
    counts[bucket] = at + 1;
  });
  return index;
}

/** Kinds of rows that go together, in order. */
export function joinKinds(parts: readonly Int8Array[]): Int8Array {
  const joined = new Int8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
