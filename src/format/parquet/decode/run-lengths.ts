/**
 * The hybrid of runs of one value and bit-packed groups, by which places in a dictionary and booleans are kept.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md#run-length-encoding--bit-packing-hybrid-rle--3
 */
import { packedBytes, unpackBits } from './bit-unpack.ts';
import { broken, type PaddedBytes } from './padded-bytes.ts';
import { VarintReader } from './varint.ts';

export type RunLengths = {
  /** Where the first run begins; the runs end with the bytes. */
  readonly byteAt: number;
  readonly bitWidth: number;
  /** Values asked for. The last group may hold more, which are padding. */
  readonly count: number;
};

/** The values of the runs into `out`, from its start on. */
export function expandRuns(source: PaddedBytes, { byteAt, bitWidth, count }: RunLengths, out: Int32Array): void {
  if (bitWidth > 32) throw broken(`values of ${bitWidth} bits`);
  const reader = new VarintReader(source, byteAt);
  let done = 0;
  while (done < count) {
    const header = reader.uint32();
    const isPacked = (header & 1) === 1;
    const runLength = isPacked ? (header >>> 1) * 8 : header >>> 1;
    const taken = Math.min(runLength, count - done);
    if (isPacked) {
      const packed = { byteAt: reader.at, bitWidth, count: taken };
      if (packedBytes(packed) > source.byteLength - reader.at) throw broken('a run reaches past its page');
      unpackBits(source, packed, out, done);
      reader.at += packedBytes({ bitWidth, count: runLength });
    } else {
      out.fill(repeatedValue(reader, bitWidth), done, done + taken);
    }
    done += taken;
  }
}

function repeatedValue(reader: VarintReader, bitWidth: number): number {
  let value = 0;
  for (let shift = 0; shift < bitWidth; shift += 8) value |= reader.byte() << shift;
  return value;
}
