/** Records of a call, cut into parts that what is appended at one time has room for. */

export type PartLimits = { readonly bytesMax: number; readonly countMax: number };

/**
 * Runs of records, told by their places in the call, in their order. One that is above the limit by itself is a part.
 *
 * @param bytesOf what a record takes of a part
 */
export function* partsWithin(
  indexes: readonly number[],
  bytesOf: (index: number) => number,
  { bytesMax, countMax }: PartLimits,
): Iterable<readonly number[]> {
  let part: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const length = bytesOf(index);
    if (part.length > 0 && (bytes + length > bytesMax || part.length >= countMax)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(index);
    bytes += length;
  }
  if (part.length > 0) yield part;
}
