import { release } from '../bytes/release.ts';
import type { Column } from './row-batch.ts';

/** Gives the memory of a column back, which has its buffers to itself: neither it nor views of it may be looked at any more. */
export function releaseColumn({ values, valueOffsets, nullBitmap, children }: Column): void {
  const arrays: readonly unknown[] = [values, valueOffsets, nullBitmap];
  release(
    arrays.flatMap(array =>
      ArrayBuffer.isView(array) && array.buffer instanceof ArrayBuffer ? [new Uint8Array(array.buffer)] : [],
    ),
  );
  for (const child of children ?? []) if (child !== null) releaseColumn(child);
}
