/**
 * Passing over values of an Avro file without making them: what a reader that wants few of many records does with the rest.
 *
 * A **skipper** is made once for a type, from its shape alone: a record passes over its fields one after the other, a list
 * over its items, and what is left are two kernels, over a variable-length number and over a length with that many bytes.
 * Nothing is allocated, every step goes forward, and none goes beyond the end, whatever the bytes are.
 */
import type { AvroType } from './avro-types.ts';

/**
 * Where the value that begins at `at` ends.
 *
 * @throws RangeError when it does not end within the bytes
 */
export type AvroSkipper = (bytes: Uint8Array, at: number) => number;

const longBytesMax = 10;
const [floatBytes, doubleBytes] = [4, 8];

type Shape = {
  readonly typeName: string;
  readonly fields?: readonly { readonly type: AvroType }[];
  readonly types?: readonly AvroType[];
  readonly itemsType?: AvroType;
};

/** undefined: the type has something in it that manifests do not have. */
export function avroSkipper(type: AvroType): AvroSkipper | undefined {
  return skipperOf(type, new Set());
}

/** @param around the types that this one is within: one that is within itself is none of ours */
function skipperOf(type: AvroType, around: ReadonlySet<AvroType>): AvroSkipper | undefined {
  if (around.has(type)) return undefined;
  const { typeName, fields, types, itemsType } = type as unknown as Shape;
  const skippersOf = (parts: readonly AvroType[]): readonly AvroSkipper[] | undefined => {
    const skippers = parts.map(part => skipperOf(part, new Set([...around, type])));
    return skippers.every(skipper => skipper !== undefined) ? skippers : undefined;
  };
  switch (typeName) {
    case 'null':
      return (_, at) => at;
    case 'boolean':
      return fixedSkipper(1);
    case 'float':
      return fixedSkipper(floatBytes);
    case 'double':
      return fixedSkipper(doubleBytes);
    case 'int':
    case 'long':
      return skipLong;
    case 'string':
    case 'bytes':
      return skipBytes;
    case 'record':
      return inTurn(skippersOf(fields?.map(field => field.type) ?? []));
    case 'array':
      return listSkipper(itemsType === undefined ? undefined : skippersOf([itemsType])?.[0]);
    case 'union:unwrapped':
      return branchSkipper(skippersOf(types ?? []));
    default:
      return undefined;
  }
}

/** @throws RangeError */
export function skipLong(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + longBytesMax);
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) < 0x80) return at + 1;
  throw new RangeError('a number that does not end');
}

/**
 * The number itself, exact up to 2^53.
 *
 * @throws RangeError
 */
export function longAt(bytes: Uint8Array, start: number): number {
  const end = skipLong(bytes, start);
  let raw = 0;
  for (let at = end - 1; at >= start; at -= 1) raw = raw * 128 + ((bytes[at] ?? 0) & 0x7f);
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
}

/** @throws RangeError */
export function skipBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0xff;
  // Most lengths are one byte.
  const length = first < 0x80 && (first & 1) === 0 ? first >> 1 : longAt(bytes, at);
  const start = first < 0x80 ? at + 1 : skipLong(bytes, at);
  if (!(length >= 0 && length <= bytes.length - start)) throw new RangeError(`${length} bytes in too few`);
  return start + length;
}

function fixedSkipper(length: number): AvroSkipper {
  return (bytes, at) => {
    if (length > bytes.length - at) throw new RangeError('a number that is cut short');
    return at + length;
  };
}

function inTurn(parts: readonly AvroSkipper[] | undefined): AvroSkipper | undefined {
  if (parts === undefined) return undefined;
  return (bytes, start) => {
    let at = start;
    for (const skip of parts) at = skip(bytes, at);
    return at;
  };
}

function branchSkipper(branches: readonly AvroSkipper[] | undefined): AvroSkipper | undefined {
  if (branches === undefined) return undefined;
  return (bytes, at) => {
    const index = longAt(bytes, at);
    const branch = branches[index];
    if (branch === undefined) throw new RangeError(`branch ${index} of a union`);
    return branch(bytes, skipLong(bytes, at));
  };
}

function listSkipper(items: AvroSkipper | undefined): AvroSkipper | undefined {
  if (items === undefined) return undefined;
  return (bytes, start) => {
    let at = start;
    for (;;) {
      const count = longAt(bytes, at);
      at = skipLong(bytes, at);
      if (count === 0) return at;
      // A negative count is followed by the block's length in bytes.
      if (count < 0) at = skipLong(bytes, at);
      const length = Math.abs(count);
      if (!(length <= bytes.length - at)) throw new RangeError(`${length} items in too few bytes`);
      for (let i = 0; i < length; i += 1) {
        const itemAt = at;
        at = items(bytes, at);
        if (at === itemAt) throw new RangeError('items that take no byte');
      }
    }
  };
}
