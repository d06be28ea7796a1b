/** Which entries the picked lists have, for `gather.ts`. */
import { assert } from '../base/assert.ts';
import type { Picks } from './gather-values.ts';

/** int32 offsets end here. */
const entriesMax = 2_147_483_647;

export type PickedEntries = {
  /** Of the picked lists, in the entries picked. */
  readonly valueOffsets: Int32Array;
  readonly entries: Picks;
};

/** @param offsets of each source's lists in its entries */
export function pickEntries(offsets: readonly Int32Array[], { batchIndex, rowIndex }: Picks): PickedEntries {
  const length = rowIndex.length;
  const valueOffsets = new Int32Array(length + 1);
  let total = 0;
  for (let i = 0; i < length; i += 1) {
    const source = offsets[batchIndex[i] ?? 0];
    const row = rowIndex[i] ?? 0;
    total += (source?.[row + 1] ?? 0) - (source?.[row] ?? 0);
    assert(total <= entriesMax, () => `${total} entries of one column do not fit a batch (${entriesMax})`);
    valueOffsets[i + 1] = total;
  }
  const entries = { batchIndex: new Uint32Array(total), rowIndex: new Uint32Array(total) };
  let at = 0;
  for (let i = 0; i < length; i += 1) {
    const batch = batchIndex[i] ?? 0;
    const row = rowIndex[i] ?? 0;
    const end = offsets[batch]?.[row + 1] ?? 0;
    for (let entry = offsets[batch]?.[row] ?? 0; entry < end; entry += 1) {
      entries.batchIndex[at] = batch;
      entries.rowIndex[at] = entry;
      at += 1;
    }
  }
  return { valueOffsets, entries };
}
