/** Strings and binaries picked from columns: one pass for the lengths, one for the bytes. */
import { assert } from '../base/assert.ts';
import { release } from '../bytes/release.ts';
import { offsetsOf, uint8Values } from './column-buffers.ts';
import type { Picks } from './gather-values.ts';
import type { LocalPicks } from './local-picks.ts';
import type { Column } from './row-batch.ts';

/** int32 offsets end here. */
export const columnBytesMax = 2_147_483_647;
/** From this length on the engine's own copy is faster than words in a loop. */
const wordCopyBytesMax = 96;

export type GatheredBytes = { readonly values: Uint8Array; readonly valueOffsets: Int32Array };

/** The picked values, end to end. Their bytes must come to less than 2^31: callers bound their batches. */
export function gatherBytes(sources: readonly Column[], picks: Picks): GatheredBytes {
  const { batchIndex, rowIndex, local } = picks;
  if (local !== undefined) return scatterBytes(sources, local);
  const copiers = sources.map(makeCopier);
  const length = rowIndex.length;
  const { valueOffsets, starts } = placeValues(sources.map(offsetsOf), picks);
  const totalBytes = valueOffsets[length] ?? 0;
  // Whole words are written, so the last value may run over by seven bytes.
  const out = new Uint8Array(totalBytes + 8);
  const target = new DataView(out.buffer);
  let i = 0;
  while (i < length) {
    const batch = batchIndex[i] ?? 0;
    const from = starts[i] ?? 0;
    const to = valueOffsets[i] ?? 0;
    let end = i + 1;
    // Neighbours in one source are copied in one go.
    while (end < length && starts[end] === from + (valueOffsets[end] ?? 0) - to && batchIndex[end] === batch) end += 1;
    const copier = copiers[batch];
    if (copier !== undefined) copyRange(copier, { from, byteLength: (valueOffsets[end] ?? 0) - to }, target, to);
    i = end;
  }
  release([new Uint8Array(starts.buffer)]);
  return { values: out.subarray(0, totalBytes), valueOffsets };
}

type PlacedValues = {
  /** Where the values go. */
  readonly valueOffsets: Int32Array;
  /** Where each lies in its source; noted so that the pass that copies need not look up a row's offset once more. */
  readonly starts: Int32Array<ArrayBuffer>;
};

function placeValues(offsets: readonly Int32Array[], { batchIndex, rowIndex }: Picks): PlacedValues {
  const length = rowIndex.length;
  const valueOffsets = new Int32Array(length + 1);
  const starts = new Int32Array(length);
  let total = 0;
  for (let i = 0; i < length; i += 1) {
    const source = offsets[batchIndex[i] ?? 0];
    if (source !== undefined) {
      const row = rowIndex[i] ?? 0;
      const start = source[row] ?? 0;
      starts[i] = start;
      total += (source[row + 1] ?? 0) - start;
    }
    valueOffsets[i + 1] = total;
  }
  assert(total <= columnBytesMax, () => `${total} bytes of one column do not fit a batch (${columnBytesMax})`);
  return { valueOffsets, starts };
}

/** Values are written in any order, so none may run over into the next. */
function scatterBytes(sources: readonly Column[], local: LocalPicks): GatheredBytes {
  const { batchIndex, places } = local;
  const copiers = sources.map(makeCopier);
  const { valueOffsets, starts } = scatterLengths(sources.map(offsetsOf), local);
  const values = new Uint8Array(valueOffsets[places.length] ?? 0);
  const target = new DataView(values.buffer);
  for (let j = 0; j < places.length; j += 1) {
    const copier = copiers[batchIndex[j] ?? 0];
    const place = places[j] ?? 0;
    const to = valueOffsets[place] ?? 0;
    const range = { from: starts[j] ?? 0, byteLength: (valueOffsets[place + 1] ?? 0) - to };
    if (copier !== undefined) copyExactly(copier, range, target, to);
  }
  return { values, valueOffsets };
}

/** As `placeValues`, with the starts in the order of the local picks. */
function scatterLengths(offsets: readonly Int32Array[], { batchIndex, rowIndex, places }: LocalPicks): PlacedValues {
  const valueOffsets = new Int32Array(places.length + 1);
  const starts = new Int32Array(places.length);
  for (let j = 0; j < places.length; j += 1) {
    const source = offsets[batchIndex[j] ?? 0];
    if (source === undefined) continue;
    const row = rowIndex[j] ?? 0;
    const start = source[row] ?? 0;
    starts[j] = start;
    valueOffsets[(places[j] ?? 0) + 1] = (source[row + 1] ?? 0) - start;
  }
  let total = 0;
  for (let i = 1; i < valueOffsets.length; i += 1) {
    total += valueOffsets[i] ?? 0;
    valueOffsets[i] = total;
  }
  assert(total <= columnBytesMax, () => `${total} bytes of one column do not fit a batch (${columnBytesMax})`);
  return { valueOffsets, starts };
}

function copyExactly(copier: Copier, { from, byteLength }: CopiedRange, target: DataView, to: number): void {
  const { view, bytes } = copier;
  if (byteLength > wordCopyBytesMax) {
    new Uint8Array(target.buffer).set(bytes.subarray(from, from + byteLength), to);
    return;
  }
  let k = 0;
  for (; k + 4 <= byteLength; k += 4) target.setInt32(to + k, view.getInt32(from + k, true), true);
  for (; k < byteLength; k += 1) target.setUint8(to + k, view.getUint8(from + k));
}

type Copier = { readonly bytes: Uint8Array; readonly view: DataView; readonly wordFromMax: number };

function makeCopier(column: Column): Copier {
  const bytes = uint8Values(column);
  // Up to the end of the buffer below, so that a word may be read across the end of the values.
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { bytes, view, wordFromMax: view.byteLength - 8 };
}

type CopiedRange = { readonly from: number; readonly byteLength: number };

function copyRange(copier: Copier, { from, byteLength }: CopiedRange, target: DataView, to: number): void {
  const { view, bytes, wordFromMax } = copier;
  if (byteLength <= wordCopyBytesMax && from + byteLength - 1 <= wordFromMax) {
    // By halves of 32 bits: 64 at a time would be a bigint.
    for (let k = 0; k < byteLength; k += 8) {
      target.setInt32(to + k, view.getInt32(from + k, true), true);
      target.setInt32(to + k + 4, view.getInt32(from + k + 4, true), true);
    }
    return;
  }
  new Uint8Array(target.buffer).set(bytes.subarray(from, from + byteLength), to);
}
