/** Stretches of a file: neighbours in one range, a few ranges at a time. */
import { assert } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { release } from '../../bytes/release.ts';
import type { FileRegion } from './footer.ts';

/** Reading this much for nothing is cheaper than another request. */
const gapBytesMax = 64 * 1024;
const rangesAtOnceMax = 16;

type Range = { readonly start: number; end: number; readonly members: number[] };

/** The bytes of each region, in the order given. */
export async function fetchRegions(source: ByteSource, regions: readonly FileRegion[]): Promise<readonly Uint8Array[]> {
  const bytes: Uint8Array[] = new Array(regions.length);
  await mapBounded(coalesce(regions), rangesAtOnceMax, async range => {
    const read = await rangeOf(source, range);
    for (const member of range.members) {
      const region = regions[member];
      assert(region !== undefined, 'a region of the range');
      const at = region.start - range.start;
      bytes[member] = read.subarray(at, at + region.bytes);
    }
  });
  return bytes;
}

/** A source of which some bytes are there; to be disposed of when nobody looks at them any more. */
export type HeldSource = ByteSource & Disposable;

/** Fetches the regions, so that slices within them take no further request. Others are sliced out of `source`. */
export async function holdRegions(source: ByteSource, regions: readonly FileRegion[]): Promise<HeldSource> {
  const held = await mapBounded(coalesce(regions), rangesAtOnceMax, async range => {
    return { start: range.start, end: range.end, bytes: await rangeOf(source, range) };
  });
  return {
    byteLength: source.byteLength,
    async slice(start, end) {
      const range = held.find(({ start: from, end: to }) => from <= start && end <= to);
      return range === undefined
        ? source.slice(start, end)
        : range.bytes.subarray(start - range.start, end - range.start);
    },
    [Symbol.dispose]() {
      if (source.isOwned === true) release(held.splice(0).map(({ bytes }) => bytes));
    },
  };
}

async function rangeOf(source: ByteSource, { start, end }: Range): Promise<Uint8Array> {
  const read = await source.slice(start, end);
  assert(read.length === end - start, 'a byte source gives the bytes asked for');
  return read;
}

function coalesce(regions: readonly FileRegion[]): readonly Range[] {
  const order = regions.map(({ start, bytes }, index) => ({ start, end: start + bytes, index }));
  order.sort((a, b) => a.start - b.start);
  const ranges: Range[] = [];
  for (const { start, end, index } of order) {
    const last = ranges.at(-1);
    if (last === undefined || start > last.end + gapBytesMax) ranges.push({ start, end, members: [index] });
    else {
      last.end = Math.max(last.end, end);
      last.members.push(index);
    }
  }
  return ranges;
}
