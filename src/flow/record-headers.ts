/**
 * Headers of records: short texts by name that a producer gives with rows, for those who follow the log (RFC 0022). They are of
 * the record, not of the table: ingest passes over them.
 */
import { invalid } from '../base/errors.ts';

export type RecordHeaders = Readonly<Record<string, string>>;

/** Headers of a record. */
export const recordHeadersMax: number = 32;
/** Names and values of a record's headers together, in UTF-8. */
export const recordHeadersBytesMax: number = 4 * 1024;

const namePattern = /^[A-Za-z0-9][\w.:/-]{0,63}$/;

/**
 * A copy of what is given; undefined: there are none.
 *
 * @throws LakeError `invalid` LAKE_BAD_HEADERS
 */
export function checkHeaders(given: Readonly<Record<string, unknown>> | undefined): RecordHeaders | undefined {
  const entries = Object.entries(given ?? {});
  if (entries.length === 0) return undefined;
  if (entries.length > recordHeadersMax)
    throw bad(`${entries.length} of them, a record has at most ${recordHeadersMax}`);
  const checked: [string, string][] = [];
  let bytes = 0;
  for (const [name, value] of entries) {
    if (!namePattern.test(name)) {
      throw bad(
        `${JSON.stringify(name.slice(0, 80))}; a name has 1 to 64 letters, digits, and . _ - : / behind the first`,
      );
    }
    if (typeof value !== 'string' || !value.isWellFormed()) throw bad(`the value of ${name} is not a text of Unicode`);
    bytes += name.length + Buffer.byteLength(value);
    checked.push([name, value]);
  }
  if (bytes > recordHeadersBytesMax) {
    throw bad(`${bytes} bytes of names and values, a record has at most ${recordHeadersBytesMax}`);
  }
  return Object.fromEntries(checked);
}

/** Rows with other headers are other records. */
export function sameHeaders(a: RecordHeaders | undefined, b: RecordHeaders | undefined): boolean {
  if (a === b) return true;
  const [left, right] = [Object.entries(a ?? {}), b ?? {}];
  return left.length === Object.keys(right).length && left.every(([name, value]) => right[name] === value);
}

function bad(why: string): Error {
  return invalid('LAKE_BAD_HEADERS', `headers of rows: ${why}`);
}
