/**
 * Bounds as files have them: the value in plain encoding without a length. Long byte strings are cut, the lower bound to a
 * prefix, the upper to the next prefix above it.
 */
import { isUtf8 } from 'node:buffer';
import { bitAt } from '../../../types/column-buffers.ts';
import type { LeafValues } from './leaf-values.ts';
import { plainBytes, putPlain } from './plain.ts';

export type BoundShape = {
  /** Of a value of kind int128 in the file. */
  readonly fixedBytes: number;
  /** Bounds of texts are texts: a reader may make strings of them. */
  readonly isText: boolean;
};

/** As in the files of Paimon's writer. */
const boundBytesMax = 64;
const codePointMax = 0x10_ffff;
const surrogates = { first: 0xd800, last: 0xdfff };

/** The value at `place` as a lower bound; undefined when it is to be a text and is none. */
export function lowerBound(values: LeafValues, place: number, shape: BoundShape): Uint8Array | undefined {
  const value = boundedValue(values, place, { shape, zero: -0 });
  if (value === undefined || values.kind !== 'bytes' || value.length <= boundBytesMax) return value;
  return value.slice(0, shape.isText ? textEnd(value) : boundBytesMax);
}

/** As `lowerBound`, an upper bound. */
export function upperBound(values: LeafValues, place: number, shape: BoundShape): Uint8Array | undefined {
  const value = boundedValue(values, place, { shape, zero: 0 });
  if (value === undefined || values.kind !== 'bytes' || value.length <= boundBytesMax) return value;
  const next = shape.isText ? textAfter(value.subarray(0, textEnd(value))) : bytesAfter(value.slice(0, boundBytesMax));
  return next ?? value;
}

/** Of a zero the sign that excludes neither: some readers take -0 and 0 for two values. */
function boundedValue(
  values: LeafValues,
  place: number,
  { shape, zero }: { readonly shape: BoundShape; readonly zero: number },
): Uint8Array | undefined {
  if (values.kind === 'bytes') {
    // A copy, which `slice` of a Buffer would not be.
    const value = new Uint8Array(values.bytes.subarray(values.offsets[place], values.offsets[place + 1]));
    return shape.isText && !isUtf8(value) ? undefined : value;
  }
  // Of a page of bits the last byte may hold more than its values; a bound is the value and nothing else.
  if (values.kind === 'bits') return Uint8Array.of(bitAt(values.bits, place));
  const range = { from: place, to: place + 1, fixedBytes: shape.fixedBytes };
  const bytes = new Uint8Array(plainBytes(values, range));
  putPlain(values, range, bytes, 0);
  const view = new DataView(bytes.buffer);
  if (values.kind === 'float' && view.getFloat32(0, true) === 0) view.setFloat32(0, zero, true);
  if (values.kind === 'double' && view.getFloat64(0, true) === 0) view.setFloat64(0, zero, true);
  return bytes;
}

/** Where a text has to be cut to be no longer than a bound. */
function textEnd(text: Uint8Array): number {
  let end = boundBytesMax;
  while (end > 0 && isContinuation(text[end])) end -= 1;
  return end;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** The least text above all that begin so; its last character that has a next one is made that. */
function textAfter(text: Uint8Array): Uint8Array | undefined {
  const characters = Array.from(Buffer.from(text).toString('utf8'));
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const code = (last.codePointAt(0) ?? 0) + 1;
    const next = code === surrogates.first ? surrogates.last + 1 : code;
    if (next <= codePointMax) return new TextEncoder().encode(characters.join('') + String.fromCodePoint(next));
  }
  return undefined;
}

/** As `textAfter`, of bytes, which are changed. */
function bytesAfter(bytes: Uint8Array): Uint8Array | undefined {
  for (let last = bytes.length - 1; last >= 0; last -= 1) {
    const byte = bytes[last] ?? 0;
    if (byte === 0xff) continue;
    bytes[last] = byte + 1;
    return bytes.slice(0, last + 1);
  }
  return undefined;
}
