/**
 * How many records share a commit. A claim check is short, and what it stands for is not: a thousand of them fit into what an
 * invocation is handed, and would not be taken in within its time.
 */
import type { RoutedRecord } from './tail.ts';

/**
 * How many of these records, from the first on: as many as have claims of so many bytes together, unpacked, and at least one.
 *
 * @param claimedBytesMax of the table's work memory
 */
export function sharingCount(records: readonly Pick<RoutedRecord, 'record'>[], claimedBytesMax: number): number {
  let bytes = 0;
  const end = records.findIndex(({ record: { header } }, index) => {
    bytes += header.claim === undefined ? 0 : header.bodyBytes;
    return index > 0 && bytes > claimedBytesMax;
  });
  return end < 0 ? records.length : end;
}
