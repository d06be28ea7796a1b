/** Strings and binaries picked from columns: one pass for the lengths, one for the bytes. */
import { assert } from '../base/assert.ts';
import { offsetsOf, uint8Values } from './column-buffers.ts';
import type { Picks } from './gather-values.ts';
import type { Column } from './row-batch.ts';

/** int32 offsets end here. */
export const columnBytesMax = 2_147_483_647;
/** From this length on the engine's own copy is faster than words in a loop. */
const wordCopyBytesMax = 96;

export type GatheredBytes = { readonly values: Uint8Array; readonly valueOffsets: Int32Array };

/** The picked values, end to end. Their bytes must come to less than 2^31: callers bound their batches. */
export function gatherBytes(sources: readonly Column[], picks: Picks): GatheredBytes {
  const { batchIndex, rowIndex } = picks;
  const offsets = sources.map(offsetsOf);
  const copiers = sources.map(makeCopier);
  const length = rowIndex.length;
  const valueOffsets = new Int32Array(length + 1);
  const totalBytes = fillOffsets(valueOffsets, offsets, picks);
  // Whole words are written, so the last value may run over by seven bytes.
  const out = new Uint8Array(totalBytes + 8);
  const target = new DataView(out.buffer);
  let i = 0;
  while (i < length) {
    const batch = batchIndex[i] ?? 0;
    const first = rowIndex[i] ?? 0;
    let end = i + 1;
    // Neighbours in one source are copied in one go.
    while (end < length && batchIndex[end] === batch && rowIndex[end] === first + (end - i)) end += 1;
    const sourceOffsets = offsets[batch];
    const copy = copiers[batch];
    if (sourceOffsets !== undefined && copy !== undefined) {
      const from = sourceOffsets[first] ?? 0;
      copyRange(
        copy,
        { from, byteLength: (sourceOffsets[first + (end - i)] ?? 0) - from },
        target,
        valueOffsets[i] ?? 0,
      );
    }
    i = end;
  }
  return { values: out.subarray(0, totalBytes), valueOffsets };
}

function fillOffsets(valueOffsets: Int32Array, offsets: readonly Int32Array[], picks: Picks): number {
  const { batchIndex, rowIndex } = picks;
  let total = 0;
  for (let i = 0; i < rowIndex.length; i += 1) {
    const source = offsets[batchIndex[i] ?? 0];
    const row = rowIndex[i] ?? 0;
    if (source !== undefined) total += (source[row + 1] ?? 0) - (source[row] ?? 0);
    valueOffsets[i + 1] = total;
  }
  assert(total <= columnBytesMax, () => `${total} bytes of one column do not fit a batch (${columnBytesMax})`);
  return total;
}

type Copier = { readonly bytes: Uint8Array; readonly view: DataView; readonly wordFromMax: number };

function makeCopier(column: Column): Copier {
  const bytes = uint8Values(column);
  // Up to the end of the buffer below, so that a word may be read across the end of the values.
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { bytes, view, wordFromMax: view.byteLength - 8 };
}

function copyRange(
  copier: Copier,
  range: { readonly from: number; readonly byteLength: number },
  target: DataView,
  to: number,
): void {
  const { view, bytes, wordFromMax } = copier;
  const { from, byteLength } = range;
  if (byteLength <= wordCopyBytesMax && from + byteLength - 1 <= wordFromMax) {
    for (let k = 0; k < byteLength; k += 8) target.setBigInt64(to + k, view.getBigInt64(from + k, true), true);
    return;
  }
  new Uint8Array(target.buffer).set(bytes.subarray(from, from + byteLength), to);
}
