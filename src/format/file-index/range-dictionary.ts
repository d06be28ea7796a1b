/**
 * The different values of a range bitmap, ascending; the place of a value is its code. In chunks, so that a reader need
 * not have all: the first value of a chunk is in its head, more follow in the keys as long as they fit.
 *
 * ```
 * int32 bytes of the head | byte version 1 | int32 chunks | int32 bytes of offsets | int32 bytes of chunk heads
 * int32 offset of each chunk head | chunk heads | keys
 * chunk head: byte version 1 | first value | int32 its code | int32 offset into the keys | int32 more values
 *   of fixed length: int32 bytes of its keys | int32 bytes of a value
 *   of strings:      int32 bytes of offsets | int32 bytes of values       (in the keys: an int32 offset of each, then the values)
 * ```
 *
 * @see Paimon 1.4.2 ChunkedDictionary, FixedLengthChunk, VariableLengthChunk
 */
import { assert, present } from '../../base/assert.ts';
import { type IndexCursor, int32s } from './index-cursor.ts';
import type { IndexKey, KeyCodec } from './index-key.ts';

const version = 1;

/** Keys of one type: all of one length, or each with its own. */
export type DictionaryKeys = KeyCodec & { readonly isFixedLength: boolean };

/** @param keys ascending, each once */
export function encodeRangeDictionary(
  keys: readonly IndexKey[],
  codec: DictionaryKeys,
  chunkBytesMax: number,
): Uint8Array {
  const heads: Uint8Array[] = [];
  const bodies: Uint8Array[] = [];
  let bodyBytes = 0;
  for (let code = 0; code < keys.length; ) {
    const chunk = encodeChunk(keys, code, { codec, chunkBytesMax, offset: bodyBytes });
    heads.push(chunk.head);
    bodies.push(chunk.body);
    bodyBytes += chunk.body.length;
    code += 1 + chunk.moreCount;
  }
  let at = 0;
  const offsets = heads.map(head => {
    at += head.length;
    return at - head.length;
  });
  return Buffer.concat([
    int32s(13),
    Uint8Array.of(version),
    int32s(heads.length, heads.length * 4, at),
    int32s(...offsets),
    ...heads,
    ...bodies,
  ]);
}

type ChunkRoom = { readonly codec: DictionaryKeys; readonly chunkBytesMax: number; readonly offset: number };

function encodeChunk(
  keys: readonly IndexKey[],
  code: number,
  { codec, chunkBytesMax, offset }: ChunkRoom,
): { readonly head: Uint8Array; readonly body: Uint8Array; readonly moreCount: number } {
  const first = codec.write(present(keys[code], 'key'));
  const more: Uint8Array[] = [];
  const offsets: number[] = [];
  let keyBytes = 0;
  for (let next = code + 1; next < keys.length; next += 1) {
    const bytes = codec.write(present(keys[next], 'key'));
    const hasRoom = keyBytes + bytes.length <= chunkBytesMax;
    if (!hasRoom || (!codec.isFixedLength && (offsets.length + 1) * 4 > chunkBytesMax)) break;
    offsets.push(keyBytes);
    more.push(bytes);
    keyBytes += bytes.length;
  }
  const lengths = codec.isFixedLength ? int32s(keyBytes, first.length) : int32s(offsets.length * 4, keyBytes);
  return {
    head: Buffer.concat([Uint8Array.of(version), first, int32s(code, offset, more.length), lengths]),
    body: Buffer.concat(codec.isFixedLength ? more : [int32s(...offsets), ...more]),
    moreCount: more.length,
  };
}

export type RangeDictionary = {
  /** How many keys are less than this one: its code, if it is there. */
  readonly rank: (key: IndexKey) => { readonly code: number; readonly isThere: boolean };
};

type Chunk = {
  readonly first: IndexKey;
  readonly code: number;
  readonly moreCount: number;
  /** Of the keys after the first, from 0. */
  readonly keyAt: (index: number) => IndexKey;
};

/**
 * @param cardinality how many keys there are
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function readRangeDictionary(cursor: IndexCursor, codec: DictionaryKeys, cardinality: number): RangeDictionary {
  const head = cursor.part();
  if (head.uint8() !== version) throw cursor.broken('the version of its dictionary is not known');
  const chunkCount = head.count(0);
  const offsetsBytes = head.count(0);
  const headsBytes = head.count(0);
  if (offsetsBytes !== chunkCount * 4) throw cursor.broken('it has not one offset for each chunk');
  const offsets = cursor.from(cursor.at);
  const heads = cursor.from(cursor.at + offsetsBytes);
  const keysAt = heads.at + headsBytes;
  const chunks: Chunk[] = [];
  let code = 0;
  for (let index = 0; index < chunkCount; index += 1) {
    const chunk = readChunk(heads.from(heads.at + offsets.int32()), codec, keysAt);
    if (chunk.code !== code) throw cursor.broken('a chunk that does not follow the one before');
    code += 1 + chunk.moreCount;
    chunks.push(chunk);
  }
  if (code !== cardinality) throw cursor.broken(`${code} values in the dictionary, not ${cardinality}`);
  return { rank: key => rankIn(chunks, codec, key) };
}

function readChunk(cursor: IndexCursor, codec: DictionaryKeys, keysAt: number): Chunk {
  if (cursor.uint8() !== version) throw cursor.broken('the version of a chunk is not known');
  const first = codec.read(cursor);
  const code = cursor.int32();
  const bodyAt = keysAt + cursor.int32();
  const moreCount = cursor.count(1);
  const [a, b] = [cursor.int32(), cursor.int32()];
  const [length, step] = codec.isFixedLength ? [a, b] : [a + b, 4];
  // Checked as a whole here, so that what is read later is inside.
  cursor.from(bodyAt).take(length);
  if (moreCount * step > length) throw cursor.broken('a chunk has fewer bytes than values');
  const keyAt = (index: number): IndexKey => {
    const place = cursor.from(bodyAt + index * step);
    return codec.read(codec.isFixedLength ? place : cursor.from(bodyAt + a + place.int32()));
  };
  return { first, code, moreCount, keyAt };
}

function rankIn(chunks: readonly Chunk[], codec: KeyCodec, key: IndexKey): { code: number; isThere: boolean } {
  const after = lowerBound(chunks.length, index => codec.compare(present(chunks[index], 'chunk').first, key));
  const next = chunks[after];
  if (next !== undefined && codec.compare(next.first, key) === 0) return { code: next.code, isThere: true };
  const chunk = chunks[after - 1];
  if (chunk === undefined) return { code: 0, isThere: false };
  const within = lowerBound(chunk.moreCount, index => codec.compare(chunk.keyAt(index), key));
  const isThere = within < chunk.moreCount && codec.compare(chunk.keyAt(within), key) === 0;
  return { code: chunk.code + 1 + within, isThere };
}

/** The first index whose item is not below what is sought. */
function lowerBound(count: number, compareAt: (index: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(middle) < 0) low = middle + 1;
    else high = middle;
  }
  assert(low <= count, 'a bound within the items');
  return low;
}
