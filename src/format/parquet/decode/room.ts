/** How much room values of a column may take once they are decoded, which runs and dictionaries make any number of. */
import { broken } from './padded-bytes.ts';

/** Of one column, in the rows that are decoded at a time. */
const decodedColumnBytesMax = 1024 * 1024 * 1024;

/** The same number. @throws RangeError when it is more than a column may take */
export function checkedRoom(byteLength: number): number {
  if (byteLength > decodedColumnBytesMax) throw broken(`values of ${byteLength} bytes in one column`);
  return byteLength;
}
