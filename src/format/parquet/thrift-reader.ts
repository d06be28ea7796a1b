/**
 * Thrift's compact protocol, as far as Parquet's footers and page headers use it. Structs are read into numbered fields
 * without knowing their definition, so that fields of later versions of the format are passed over.
 *
 * Every length is checked against the bytes at hand before anything is allocated or read.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import { corruptParquet } from './fault.ts';

/** Integers of all widths are numbers; those beyond 2^53 lose their last bits and are refused where they matter. */
export type ThriftValue = boolean | number | Uint8Array | ThriftStruct | readonly ThriftValue[];

const typeStop = 0;
const typeTrue = 1;
const typeFalse = 2;
const typeByte = 3;
const typeI16 = 4;
const typeI32 = 5;
const typeI64 = 6;
const typeDouble = 7;
const typeBinary = 8;
const typeList = 9;
const typeSet = 10;
const typeMap = 11;
const typeStruct = 12;
const typeUuid = 13;

/** Structs within structs; Parquet's own definitions nest five deep. */
const depthMax = 32;
const varintBytesMax = 10;
const fieldIdMax = 32_767;

const utf8 = new TextDecoder();

/** A struct's fields by number. Getters answer undefined for an absent field and `corrupt` for one of another type. */
export class ThriftStruct {
  readonly #fields = new Map<number, ThriftValue>();
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  set(id: number, value: ThriftValue): void {
    this.#fields.set(id, value);
  }

  has(id: number): boolean {
    return this.#fields.has(id);
  }

  /** A whole number that a double holds exactly. */
  int(id: number): number | undefined {
    const value = this.#fields.get(id);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.#wrong(id, 'a whole number');
    return value;
  }

  bool(id: number): boolean | undefined {
    const value = this.#fields.get(id);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrong(id, 'a boolean');
  }

  bytes(id: number): Uint8Array | undefined {
    const value = this.#fields.get(id);
    if (value === undefined || value instanceof Uint8Array) return value;
    throw this.#wrong(id, 'bytes');
  }

  text(id: number): string | undefined {
    const bytes = this.bytes(id);
    return bytes === undefined ? undefined : utf8.decode(bytes);
  }

  struct(id: number): ThriftStruct | undefined {
    const value = this.#fields.get(id);
    if (value === undefined || value instanceof ThriftStruct) return value;
    throw this.#wrong(id, 'a struct');
  }

  list(id: number): readonly ThriftValue[] | undefined {
    const value = this.#fields.get(id);
    if (value === undefined || isList(value)) return value;
    throw this.#wrong(id, 'a list');
  }

  structs(id: number): readonly ThriftStruct[] | undefined {
    return this.list(id)?.map(item => {
      if (item instanceof ThriftStruct) return item;
      throw this.#wrong(id, 'a list of structs');
    });
  }

  ints(id: number): readonly number[] | undefined {
    return this.list(id)?.map(item => {
      if (typeof item === 'number' && Number.isSafeInteger(item)) return item;
      throw this.#wrong(id, 'a list of whole numbers');
    });
  }

  bools(id: number): readonly boolean[] | undefined {
    return this.list(id)?.map(item => {
      if (typeof item === 'boolean') return item;
      throw this.#wrong(id, 'a list of booleans');
    });
  }

  binaries(id: number): readonly Uint8Array[] | undefined {
    return this.list(id)?.map(item => {
      if (item instanceof Uint8Array) return item;
      throw this.#wrong(id, 'a list of byte strings');
    });
  }

  texts(id: number): readonly string[] | undefined {
    return this.list(id)?.map(item => {
      if (item instanceof Uint8Array) return utf8.decode(item);
      throw this.#wrong(id, 'a list of strings');
    });
  }

  #wrong(id: number, expected: string): Error {
    return corruptParquet(this.#where, `field ${id} of a header is not ${expected}`);
  }
}

function isList(value: ThriftValue): value is readonly ThriftValue[] {
  return Array.isArray(value);
}

/**
 * Reads the struct that begins at `offset`.
 *
 * @param where names the file in errors
 * @returns the struct, and the position after it
 * @throws LakeError `corrupt` when the bytes end early or are no such struct
 */
export function readThrift(
  bytes: Uint8Array,
  offset: number,
  where: string,
): { readonly struct: ThriftStruct; readonly end: number } {
  const reader = new ThriftReader(bytes, offset, where);
  const struct = reader.struct(0);
  return { struct, end: reader.at };
}

class ThriftReader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #where: string;

  constructor(bytes: Uint8Array, offset: number, where: string) {
    this.#bytes = bytes;
    this.at = offset;
    this.#where = where;
  }

  struct(depth: number): ThriftStruct {
    if (depth > depthMax) throw this.#fault('its header nests too deep');
    const struct = new ThriftStruct(this.#where);
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === typeStop) return struct;
      const delta = head >> 4;
      id = delta === 0 ? this.#zigzag() : id + delta;
      if (id < 0 || id > fieldIdMax) throw this.#fault(`field number ${id} in a header`);
      struct.set(id, type === typeTrue ? true : type === typeFalse ? false : this.#value(type, depth));
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case typeTrue:
      case typeFalse:
        return this.#byte() === 1;
      case typeByte:
        return (this.#byte() << 24) >> 24;
      case typeI16:
      case typeI32:
      case typeI64:
        return this.#zigzag();
      case typeDouble:
        return new DataView(this.#take(8).slice().buffer).getFloat64(0, true);
      case typeBinary:
        return this.#take(this.#varint());
      case typeUuid:
        return this.#take(16);
      case typeList:
      case typeSet:
        return this.#list(depth);
      case typeMap:
        return this.#map(depth);
      case typeStruct:
        return this.struct(depth + 1);
      default:
        throw this.#fault(`type ${type} in a header`);
    }
  }

  #list(depth: number): ThriftValue[] {
    if (depth > depthMax) throw this.#fault('its header nests too deep');
    const head = this.#byte();
    const count = head >> 4 === 15 ? this.#varint() : head >> 4;
    // Every value takes at least a byte, so a longer list cannot be in these bytes.
    if (count > this.#bytes.length - this.at) throw this.#fault(`a list of ${count} values in a header`);
    const values: ThriftValue[] = [];
    for (let i = 0; i < count; i += 1) values.push(this.#value(head & 0x0f, depth + 1));
    return values;
  }

  /** Parquet has no maps; they are read to be passed over. */
  #map(depth: number): ThriftValue[] {
    if (depth > depthMax) throw this.#fault('its header nests too deep');
    const count = this.#varint();
    if (count === 0) return [];
    const types = this.#byte();
    if (count > this.#bytes.length - this.at) throw this.#fault(`a map of ${count} entries in a header`);
    for (let i = 0; i < count; i += 1) {
      this.#value(types >> 4, depth + 1);
      this.#value(types & 0x0f, depth + 1);
    }
    return [];
  }

  #zigzag(): number {
    const coded = this.#varint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < varintBytesMax; i += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw this.#fault('a number of a header does not end');
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw this.#fault('a header ends early');
    this.at += 1;
    return byte;
  }

  #take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.at) throw this.#fault(`${count} bytes of a header reach past its end`);
    const taken = this.#bytes.subarray(this.at, this.at + count);
    this.at += count;
    return taken;
  }

  #fault(what: string): Error {
    return corruptParquet(this.#where, what);
  }
}
