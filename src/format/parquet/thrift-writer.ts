/**
 * The writing half of Thrift's compact protocol; `thrift-reader.ts` is the other.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import { assert } from '../../base/assert.ts';

const typeStop = 0;
const typeTrue = 1;
const typeFalse = 2;
const typeByte = 3;
const typeI16 = 4;
const typeI32 = 5;
const typeI64 = 6;
const typeBinary = 8;
const typeList = 9;
const typeStruct = 12;

/** Writes structs; fields go in ascending order of their numbers, and an undefined value leaves its field out. */
export class ThriftWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #lastId = 0;

  i32(id: number, value: number | undefined): this {
    if (value !== undefined) this.#field(id, typeI32).#zigzag(value);
    return this;
  }

  i64(id: number, value: number | undefined): this {
    if (value !== undefined) this.#field(id, typeI64).#zigzag(value);
    return this;
  }

  i16(id: number, value: number | undefined): this {
    if (value !== undefined) this.#field(id, typeI16).#zigzag(value);
    return this;
  }

  i8(id: number, value: number | undefined): this {
    if (value !== undefined) this.#field(id, typeByte).#byte(value & 0xff);
    return this;
  }

  bool(id: number, value: boolean | undefined): this {
    if (value !== undefined) this.#field(id, value ? typeTrue : typeFalse);
    return this;
  }

  binary(id: number, value: Uint8Array | string | undefined): this {
    if (value !== undefined) this.#field(id, typeBinary).#binary(value);
    return this;
  }

  struct(id: number, write: ((writer: this) => void) | undefined): this {
    if (write !== undefined) this.#field(id, typeStruct).#nested(write);
    return this;
  }

  structs<T>(id: number, items: readonly T[] | undefined, write: (writer: this, item: T) => void): this {
    if (items === undefined) return this;
    this.#field(id, typeList).#listHead(items.length, typeStruct);
    for (const item of items) this.#nested(writer => write(writer, item));
    return this;
  }

  i32s(id: number, items: readonly number[]): this {
    this.#field(id, typeList).#listHead(items.length, typeI32);
    for (const item of items) this.#zigzag(item);
    return this;
  }

  i64s(id: number, items: readonly number[] | undefined): this {
    if (items === undefined) return this;
    this.#field(id, typeList).#listHead(items.length, typeI64);
    for (const item of items) this.#zigzag(item);
    return this;
  }

  bools(id: number, items: readonly boolean[]): this {
    this.#field(id, typeList).#listHead(items.length, typeTrue);
    for (const item of items) this.#byte(item ? typeTrue : typeFalse);
    return this;
  }

  binaries(id: number, items: readonly (string | Uint8Array)[]): this {
    this.#field(id, typeList).#listHead(items.length, typeBinary);
    for (const item of items) this.#binary(item);
    return this;
  }

  /** Ends the outermost struct and hands its bytes over. */
  finish(): Uint8Array {
    this.#byte(typeStop);
    return this.#bytes.subarray(0, this.#length);
  }

  #nested(write: (writer: this) => void): void {
    const outerId = this.#lastId;
    this.#lastId = 0;
    write(this);
    this.#byte(typeStop);
    this.#lastId = outerId;
  }

  #field(id: number, type: number): this {
    const delta = id - this.#lastId;
    assert(delta > 0, () => `thrift field ${id} after ${this.#lastId}`);
    if (delta <= 15) this.#byte((delta << 4) | type);
    else {
      this.#byte(type);
      this.#zigzag(id);
    }
    this.#lastId = id;
    return this;
  }

  #listHead(count: number, type: number): void {
    if (count < 15) this.#byte((count << 4) | type);
    else {
      this.#byte(0xf0 | type);
      this.#varint(count);
    }
  }

  #binary(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #zigzag(value: number): void {
    assert(Number.isSafeInteger(value), () => `${value} is no whole number`);
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
