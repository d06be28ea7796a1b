/** Strings and binaries of Arrow columns from outside. Part of `arrow-import.ts`. */
import { ArrowDataType } from './arrow.ts';
import { arrowMismatch, type Imported, importSame, wrongArrowType } from './arrow-numbers.ts';
import { columnBytesMax, type GatheredBytes } from './gather-bytes.ts';

/** Bytes and int32 offsets, whatever the layout was. Strings are taken for binaries and the other way round. */
export function importBytes(from: Imported): GatheredBytes {
  const { type } = from.data;
  if (ArrowDataType.isUtf8(type) || ArrowDataType.isBinary(type)) return importPlain(from);
  if (ArrowDataType.isLargeUtf8(type) || ArrowDataType.isLargeBinary(type)) return importLarge(from);
  if (ArrowDataType.isFixedSizeBinary(type)) {
    const { length } = from.data;
    const values = importSame(from, Uint8Array, type.byteWidth);
    return { values, valueOffsets: Int32Array.from({ length: length + 1 }, (_, row) => row * type.byteWidth) };
  }
  if (ArrowDataType.isUtf8View(type) || ArrowDataType.isBinaryView(type)) return importViews(from);
  throw wrongArrowType(from);
}

function bytesOf(from: Imported): Uint8Array {
  const values: unknown = from.data.values;
  if (values instanceof Uint8Array) return values;
  if (values === undefined || values === null) return new Uint8Array(0);
  throw wrongArrowType(from);
}

function importPlain(from: Imported): GatheredBytes {
  const values = bytesOf(from);
  const offsets: unknown = from.data.valueOffsets;
  const { length } = from.data;
  // A column without rows may come without offsets.
  if (length === 0) return { values: new Uint8Array(0), valueOffsets: new Int32Array(1) };
  if (!(offsets instanceof Int32Array) || offsets.length < length + 1) {
    throw arrowMismatch(`${from.where} has too few offsets for ${length} rows`);
  }
  checkOffsets(from, offsets, values.length);
  return { values, valueOffsets: offsets };
}

function importLarge(from: Imported): GatheredBytes {
  const values = bytesOf(from);
  const wide: unknown = from.data.valueOffsets;
  const { length } = from.data;
  if (length === 0) return { values: new Uint8Array(0), valueOffsets: new Int32Array(1) };
  if (!(wide instanceof BigInt64Array) || wide.length < length + 1) {
    throw arrowMismatch(`${from.where} has too few offsets for ${length} rows`);
  }
  const valueOffsets = new Int32Array(length + 1);
  for (let row = 0; row <= length; row += 1) {
    const offset = Number(wide[row] ?? 0n);
    if (offset < 0 || offset > columnBytesMax) throw arrowMismatch(`${from.where} holds more than 2^31 bytes`);
    valueOffsets[row] = offset;
  }
  checkOffsets(from, valueOffsets, values.length);
  return { values, valueOffsets };
}

function checkOffsets(from: Imported, offsets: Int32Array, byteLength: number): void {
  const { length } = from.data;
  let last = offsets[0] ?? 0;
  let ascending = last >= 0;
  for (let row = 1; row <= length; row += 1) {
    const offset = offsets[row] ?? 0;
    if (offset < last) ascending = false;
    last = offset;
  }
  if (!ascending || last > byteLength) throw arrowMismatch(`${from.where} has offsets outside its ${byteLength} bytes`);
}

/** Up to this length the bytes lie in the view itself. */
const inlineBytesMax = 12;

function importViews(from: Imported): GatheredBytes {
  const { length, variadicBuffers } = from.data;
  const views = importSame(from, Uint8Array, 16);
  const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
  const parts: Uint8Array[] = [];
  const valueOffsets = new Int32Array(length + 1);
  let total = 0;
  for (let row = 0; row < length; row += 1) {
    const at = row * 16;
    const byteLength = view.getInt32(at, true);
    const inline = byteLength <= inlineBytesMax;
    const source = inline ? views : variadicBuffers[view.getInt32(at + 8, true)];
    const start = inline ? at + 4 : view.getInt32(at + 12, true);
    total += byteLength;
    if (
      byteLength < 0 ||
      start < 0 ||
      source === undefined ||
      start + byteLength > source.length ||
      total > columnBytesMax
    ) {
      throw arrowMismatch(`${from.where} has a view outside its buffers`);
    }
    parts.push(source.subarray(start, start + byteLength));
    valueOffsets[row + 1] = total;
  }
  const values = new Uint8Array(total);
  for (const [row, part] of parts.entries()) values.set(part, valueOffsets[row]);
  return { values, valueOffsets };
}
