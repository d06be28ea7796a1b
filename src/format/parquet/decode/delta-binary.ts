/**
 * DELTA_BINARY_PACKED: integers as differences, in blocks of miniblocks that each have a width of their own.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5
 */
import { packedBytes } from './bit-unpack.ts';
import { addMiniblock32, addMiniblock64 } from './delta-kernels.ts';
import { broken, type PaddedBytes } from './padded-bytes.ts';
import { VarintReader } from './varint.ts';

export type DeltaValues = {
  /** Where the header begins. */
  readonly byteAt: number;
  readonly count: number;
  readonly bits: 32 | 64;
  /** Of `count` values only so many, from the first on; all when not given. */
  readonly firstOnly?: number | undefined;
};

/**
 * Values into `words` from value `outAt` on: an int32 each, or two of them, low word first.
 *
 * @returns where the last miniblock ends, which may be cut off behind its last value; of no use with `firstOnly`
 */
export function readDeltas(source: PaddedBytes, values: DeltaValues, words: Int32Array, outAt: number): number {
  const { count, bits, firstOnly: wanted = count } = values;
  const reader = new VarintReader(source, values.byteAt);
  const blockValues = reader.uint32();
  const miniblocks = reader.uint32();
  const written = reader.uint32();
  reader.zigzag64();
  if (written !== count) throw broken(`${written} values, not ${count}`);
  if (wanted === 0) return reader.at;
  if (bits === 64) {
    words[outAt * 2] = reader.low;
    words[outAt * 2 + 1] = reader.high;
  } else words[outAt] = reader.low;
  if (wanted === 1) return reader.at;
  const miniblockValues = blockValues / miniblocks;
  if (!(miniblockValues >= 8) || miniblockValues % 8 !== 0)
    throw broken(`${blockValues} values in ${miniblocks} parts`);
  const shape = { miniblocks, miniblockValues, bits };
  for (let done = 1; done < wanted; )
    done += readBlock(source, reader, { ...shape, left: wanted - done }, words, outAt + done);
  return reader.at;
}

type Block = {
  readonly miniblocks: number;
  readonly miniblockValues: number;
  readonly bits: 32 | 64;
  /** Values that are still missing. */
  readonly left: number;
};

/** @returns how many values it gave */
function readBlock(source: PaddedBytes, reader: VarintReader, block: Block, words: Int32Array, outAt: number): number {
  const { miniblocks, miniblockValues, bits, left } = block;
  reader.zigzag64();
  const miniblock = { byteAt: 0, bitWidth: 0, count: 0, leastLow: reader.low, leastHigh: reader.high };
  const widthsAt = reader.at;
  let byteAt = widthsAt + miniblocks;
  if (byteAt > source.byteLength) throw broken('a block reaches past its page');
  let done = 0;
  for (let index = 0; index < miniblocks && done < left; index += 1) {
    const bitWidth = source.view.getUint8(widthsAt + index);
    if (bitWidth > bits) throw broken(`differences of ${bitWidth} bits`);
    miniblock.byteAt = byteAt;
    miniblock.bitWidth = bitWidth;
    miniblock.count = Math.min(miniblockValues, left - done);
    if (packedBytes(miniblock) > source.byteLength - byteAt) throw broken('a block reaches past its page');
    if (bits === 64) addMiniblock64(source, miniblock, words, outAt + done);
    else addMiniblock32(source, miniblock, words, outAt + done);
    // A whole number: miniblocks are of eight values and more.
    byteAt += bitWidth * (miniblockValues / 8);
    done += miniblock.count;
  }
  reader.at = byteAt;
  return done;
}
