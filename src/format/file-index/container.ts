/**
 * A file index: for columns of one data file, by their names, indexes of some kinds. Beside the data file or in its
 * manifest entry. All numbers are big-endian.
 *
 * ```
 * int64 magic | int32 version 1 | int32 bytes of the head | int32 columns
 * per column: name | int32 indexes; per index: kind | int32 start, from the first byte | int32 length
 * int32 0 | the indexes
 * ```
 *
 * Names are Java's modified UTF-8 with a length of two bytes. A start of -1 is an index of no values.
 *
 * @see spec 10.2; Paimon 1.4.2 FileIndexFormat
 */
import { corrupt } from '../../base/errors.ts';

export type ColumnIndex = {
  readonly column: string;
  readonly kind: string;
  /** Empty: the column has no values. */
  readonly bytes: Uint8Array;
};

const magic = 1_493_475_289_347_502n;
const version = 1;
const headStartBytes = 16;
const emptyStart = -1;

export function encodeFileIndex(indexes: readonly ColumnIndex[]): Uint8Array {
  const columns = [...Map.groupBy(indexes, ({ column }) => column)];
  const fixedBytes = columns.reduce(
    (sum, [column, of]) =>
      sum + nameBytes(column).length + 4 + of.reduce((part, { kind }) => part + nameBytes(kind).length + 8, 0),
    headStartBytes + 4 + 4,
  );
  const bytes = Buffer.alloc(fixedBytes + indexes.reduce((sum, index) => sum + index.bytes.length, 0));
  let at = bytes.writeBigInt64BE(magic, 0);
  at = bytes.writeInt32BE(version, at);
  at = bytes.writeInt32BE(fixedBytes, at);
  at = bytes.writeInt32BE(columns.length, at);
  let body = fixedBytes;
  const put = (part: Uint8Array): void => {
    bytes.set(part, at);
    at += part.length;
  };
  for (const [column, of] of columns) {
    put(nameBytes(column));
    at = bytes.writeInt32BE(of.length, at);
    for (const index of of) {
      put(nameBytes(index.kind));
      at = bytes.writeInt32BE(index.bytes.length === 0 ? emptyStart : body, at);
      at = bytes.writeInt32BE(index.bytes.length, at);
      bytes.set(index.bytes, body);
      body += index.bytes.length;
    }
  }
  bytes.writeInt32BE(0, at);
  return bytes;
}

/**
 * @param where names the bytes in errors
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function decodeFileIndex(bytes: Uint8Array, where: string): readonly ColumnIndex[] {
  const reader = new HeadReader(bytes, where);
  if (reader.int64() !== magic) throw reader.broken('it does not begin as one');
  if (reader.int32() !== version) throw reader.broken('its version is not known');
  const headBytes = reader.int32();
  if (headBytes < headStartBytes || headBytes > bytes.length) throw reader.broken('its head is longer than it is');
  const indexes: ColumnIndex[] = [];
  for (let columns = reader.count(); columns > 0; columns -= 1) {
    const column = reader.name();
    for (let kinds = reader.count(); kinds > 0; kinds -= 1) {
      const kind = reader.name();
      const start = reader.int32();
      const length = reader.int32();
      const isEmpty = start === emptyStart;
      if (!isEmpty && (start < headBytes || length < 0 || start + length > bytes.length)) {
        throw reader.broken(`index ${kind} of ${column} lies outside`);
      }
      indexes.push({ column, kind, bytes: isEmpty ? new Uint8Array() : bytes.subarray(start, start + length) });
    }
  }
  return indexes;
}

/** Of a name: two bytes, and one for each unit below 0x80 other than 0, two below 0x800, else three. */
function nameBytes(name: string): Uint8Array {
  const out: number[] = [0, 0];
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i);
    if (unit > 0 && unit < 0x80) out.push(unit);
    else if (unit < 0x800) out.push(0xc0 | (unit >> 6), 0x80 | (unit & 0x3f));
    else out.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f));
  }
  out[0] = (out.length - 2) >> 8;
  out[1] = (out.length - 2) & 0xff;
  return Uint8Array.from(out);
}

class HeadReader {
  readonly #view: DataView;
  readonly #where: string;
  #at = 0;

  constructor(bytes: Uint8Array, where: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  broken(why: string): Error {
    return corrupt('LAKE_CORRUPT_FILE_INDEX', `file index ${this.#where}: ${why}`);
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** Of things that take at least six bytes each. */
  count(): number {
    const count = this.int32();
    if (count < 0 || count * 6 > this.#view.byteLength) throw this.broken('it counts more than it has room for');
    return count;
  }

  name(): string {
    const length = this.#view.getUint16(this.#take(2));
    const start = this.#take(length);
    let text = '';
    for (let at = start; at < start + length; ) {
      const first = this.#view.getUint8(at);
      const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : 3;
      if (at + size > start + length) throw this.broken('a name is cut');
      let unit = size === 1 ? first : first & (size === 2 ? 0x1f : 0x0f);
      for (let next = 1; next < size; next += 1) unit = (unit << 6) | (this.#view.getUint8(at + next) & 0x3f);
      text += String.fromCharCode(unit);
      at += size;
    }
    return text;
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#view.byteLength) throw this.broken('it is cut');
    this.#at += length;
    return at;
  }
}
