/**
 * A local copy of a Parquet file in another store that holds only the columns a query needs: the rest are holes of the
 * same length, so that every offset in the footer stays right. Nothing is decoded. What belongs to no column (footer,
 * indexes, bloom filters) is always copied.
 */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mapBounded } from '../../base/concurrency.ts';
import { LakeError } from '../../base/errors.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import type { ParquetFile } from '../../format/parquet/reader.ts';

/** Bytes of a request. */
const pieceBytesMax = 8 * 1024 * 1024;
const piecesAtOnceMax = 4;
/** A hole shorter than this is not worth a request of its own. */
const holeBytesMin = 64 * 1024;

type Range = { readonly start: number; readonly end: number };

/** @throws LakeError of the source; `unavailable` LAKE_SQL_IO when the disk does not take it */
export async function copySparsely(
  source: ByteSource,
  parquet: ParquetFile,
  target: { readonly path: string; readonly columns: ReadonlySet<string> },
): Promise<void> {
  const holes = parquet.columnNames
    .filter(name => !target.columns.has(name))
    .flatMap(name => parquet.columnBytes(name));
  const pieces = piecesAround(holes, source.byteLength);
  await mkdir(dirname(target.path), { recursive: true });
  const file = await open(target.path, 'w');
  try {
    await file.truncate(source.byteLength);
    await mapBounded(pieces, piecesAtOnceMax, async ({ start, end }) => {
      const bytes = await source.slice(start, end);
      await file.write(bytes, 0, bytes.length, start);
    });
  } catch (error) {
    if (error instanceof LakeError) throw error;
    throw new LakeError('unavailable', 'LAKE_SQL_IO', `${target.path}: a temporary file for SQL can't be written`, {
      cause: error,
    });
  } finally {
    await file.close();
  }
}

/** Everything outside of the holes, in pieces. Short holes are filled. */
export function piecesAround(holes: readonly Range[], byteLength: number): readonly Range[] {
  const pieces: Range[] = [];
  const add = (start: number, end: number): void => {
    for (let at = start; at < end; at += pieceBytesMax)
      pieces.push({ start: at, end: Math.min(end, at + pieceBytesMax) });
  };
  let from = 0;
  for (const { start, end } of joined(holes)) {
    if (end - start < holeBytesMin) continue;
    add(from, start);
    from = end;
  }
  add(from, byteLength);
  return pieces;
}

/** Neighbouring ranges as one. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const out: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else out.push({ start, end });
  }
  return out;
}
