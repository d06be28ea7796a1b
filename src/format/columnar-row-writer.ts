/**
 * BinaryRows straight from columns, without values in between: for hashing and for keys of many rows.
 *
 * @see binary-row.ts for the layout
 */
import { assert } from '../base/assert.ts';
import {
  bitAt,
  float32Values,
  float64Values,
  int8Values,
  int16Values,
  int32Values,
  int64Values,
  nullBitsOf,
  offsetsOf,
  physicalOf,
  uint8Values,
  uint32Values,
} from '../types/column-buffers.ts';
import type { DataType } from '../types/data-type.ts';
import type { Column } from '../types/row-batch.ts';
import { fixedPartOffset, reservedBytes } from './binary-row-writer.ts';

/** Puts a row's value into its slot and, if need be, into the variable part. */
type SlotWriter = (row: number, slot: number) => void;

const microsPerMilli = 1000n;

export class ColumnarRowWriter {
  readonly #types: readonly DataType[];
  readonly #nullBits: readonly (Uint8Array | undefined)[];
  readonly #writers: readonly SlotWriter[];
  readonly #slotsAt: number;
  readonly #fixedBytes: number;
  #bytes: Uint8Array;
  #view: DataView;
  #end = 0;

  /** @throws LakeError `unsupported` for columns of nested types */
  constructor(types: readonly DataType[], columns: readonly Column[]) {
    assert(types.length === columns.length, () => `${columns.length} columns for ${types.length} types`);
    this.#types = types;
    this.#slotsAt = fixedPartOffset(types.length);
    this.#fixedBytes = this.#slotsAt + types.length * 8;
    this.#bytes = new Uint8Array(Math.max(256, this.#fixedBytes * 2));
    this.#view = new DataView(this.#bytes.buffer);
    this.#nullBits = columns.map(nullBitsOf);
    this.#writers = types.map((type, index) => this.#writerOf(type, columns[index]));
  }

  /** The bare row; the bytes are good until the next call. */
  write(row: number): Uint8Array {
    this.#bytes.fill(0, 0, this.#fixedBytes);
    this.#end = this.#fixedBytes;
    for (let index = 0; index < this.#writers.length; index += 1) {
      const bits = this.#nullBits[index];
      const slot = this.#slotsAt + index * 8;
      if (bits === undefined || bitAt(bits, row) === 1) this.#writers[index]?.(row, slot);
      else this.#writeNull(index, slot);
    }
    return this.#bytes.subarray(0, this.#end);
  }

  #writeNull(index: number, slot: number): void {
    const bit = index + 8;
    this.#bytes[bit >> 3] = (this.#bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    const type = this.#types[index];
    const reserved = type === undefined ? 0 : reservedBytes(type, undefined);
    if (reserved > 0) this.#reserve(reserved, { slot, low: 0 });
  }

  /** Takes zeroed bytes of the variable part and notes them in the slot. @returns where they are */
  #reserve(byteLength: number, place: { readonly slot: number; readonly low: number }): number {
    const start = this.#end;
    this.#end += byteLength;
    if (this.#end > this.#bytes.length) this.#grow();
    this.#bytes.fill(0, start, this.#end);
    this.#view.setUint32(place.slot, place.low, true);
    this.#view.setUint32(place.slot + 4, start, true);
    return start;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#end * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  #writerOf(type: DataType, column: Column | undefined): SlotWriter {
    assert(column !== undefined, 'there is a column for each type');
    switch (physicalOf(type)) {
      case 'bool': {
        const values = uint8Values(column);
        return (row, slot) => this.#view.setUint8(slot, bitAt(values, row));
      }
      case 'int8': {
        const values = int8Values(column);
        return (row, slot) => this.#view.setInt8(slot, values[row] ?? 0);
      }
      case 'int16': {
        const values = int16Values(column);
        return (row, slot) => this.#view.setInt16(slot, values[row] ?? 0, true);
      }
      case 'int32': {
        const values = int32Values(column);
        return (row, slot) => this.#view.setInt32(slot, values[row] ?? 0, true);
      }
      case 'float32': {
        const values = float32Values(column);
        return (row, slot) => this.#view.setFloat32(slot, values[row] ?? 0, true);
      }
      case 'float64': {
        const values = float64Values(column);
        return (row, slot) => this.#view.setFloat64(slot, values[row] ?? 0, true);
      }
      case 'int64':
        return this.#longWriter(type, int64Values(column));
      case 'decimal128':
        return this.#decimalWriter(type, uint32Values(column));
      case 'fixed12':
        return this.#wideTimestampWriter(uint8Values(column));
      case 'utf8':
      case 'bytes':
        return this.#bytesWriter(uint8Values(column), offsetsOf(column));
    }
  }

  #longWriter(type: DataType, values: BigInt64Array): SlotWriter {
    const isMicros = (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 3;
    if (!isMicros) return (row, slot) => this.#view.setBigInt64(slot, values[row] ?? 0n, true);
    return (row, slot) => {
      const micros = values[row] ?? 0n;
      const microsOfMilli = ((micros % microsPerMilli) + microsPerMilli) % microsPerMilli;
      const at = this.#reserve(8, { slot, low: Number(microsOfMilli) * 1000 });
      this.#view.setBigInt64(at, (micros - microsOfMilli) / microsPerMilli, true);
    };
  }

  #wideTimestampWriter(values: Uint8Array): SlotWriter {
    const source = new DataView(values.buffer, values.byteOffset, values.byteLength);
    return (row, slot) => {
      const at = this.#reserve(8, { slot, low: source.getInt32(row * 12 + 8, true) });
      this.#view.setBigInt64(at, source.getBigInt64(row * 12, true), true);
    };
  }

  #decimalWriter(type: DataType, words: Uint32Array): SlotWriter {
    if (type.kind === 'decimal' && type.precision <= 18) {
      return (row, slot) => {
        this.#view.setUint32(slot, words[row * 4] ?? 0, true);
        this.#view.setUint32(slot + 4, words[row * 4 + 1] ?? 0, true);
      };
    }
    const source = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    return (row, slot) => {
      const length = unscaledLength(source, row * 16);
      const at = this.#reserve(16, { slot, low: length });
      for (let i = 0; i < length; i += 1) this.#bytes[at + i] = source[row * 16 + length - 1 - i] ?? 0;
    };
  }

  #bytesWriter(values: Uint8Array, offsets: Int32Array): SlotWriter {
    return (row, slot) => {
      const start = offsets[row] ?? 0;
      const length = (offsets[row + 1] ?? start) - start;
      if (length <= 7) {
        for (let i = 0; i < length; i += 1) this.#bytes[slot + i] = values[start + i] ?? 0;
        this.#bytes[slot + 7] = 0x80 | length;
      } else {
        const at = this.#reserve((length + 7) & ~7, { slot, low: length });
        this.#bytes.set(values.subarray(start, start + length), at);
      }
    };
  }
}

/** How many of 16 little-endian bytes hold the number with its sign. */
function unscaledLength(bytes: Uint8Array, at: number): number {
  const sign = (bytes[at + 15] ?? 0) >> 7 === 1 ? 0xff : 0;
  let length = 16;
  while (length > 1 && bytes[at + length - 1] === sign && (bytes[at + length - 2] ?? 0) >> 7 === (sign & 1))
    length -= 1;
  return length;
}
