import { invalid } from '../base/errors.ts';
import type { ByteRange } from './object-store.ts';

/** The keys of objects: which are allowed, and their order. The same for every driver. */

/** Longest key, bytes of UTF-8; S3's limit. */
export const keyBytesMax = 1024;

/** Whether a key can name an object: not empty, well-formed, no segment empty, `.` or `..`, no NUL, not too long. */
export function isObjectKey(key: string): boolean {
  return keyFault(key) === undefined;
}

/** Whether a key can begin like this at all, by the folders it names. */
export function canBeginKey(prefix: string): boolean {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  return folder === '' || isObjectKey(folder.slice(0, -1));
}

/** @throws LakeError `invalid` LAKE_BAD_KEY, saying what is wrong with the key */
export function checkObjectKey(key: string): void {
  const fault = keyFault(key);
  if (fault !== undefined) throw invalid('LAKE_BAD_KEY', `object key ${JSON.stringify(key.slice(0, 200))}: ${fault}`);
}

/** @throws LakeError `invalid` LAKE_BAD_RANGE unless 0 <= start < end */
export function checkByteRange(key: string, range: ByteRange): void {
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start < end) return;
  throw invalid('LAKE_BAD_RANGE', `object ${key}: bytes [${start}, ${end}) are not a range; give 0 <= start < end`);
}

/** Order of two keys by their UTF-8 bytes; JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB);
  }
  return a.length - b.length;
}

/** Lifts surrogates (parts of code points above U+FFFF) above the units that stand for U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

/** A segment that names no object: empty, `.` or `..`. */
const badSegment = /(?:^|\/)(\.{0,2})(?:\/|$)/;

function keyFault(key: string): string | undefined {
  if (key === '') return 'is empty';
  // No character takes more than three bytes for each of its units.
  if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) {
    return `is longer than ${keyBytesMax} bytes`;
  }
  if (!key.isWellFormed()) return 'is not well-formed Unicode';
  if (key.includes('\0')) return 'contains a NUL';
  const segment = badSegment.exec(key)?.[1];
  if (segment === undefined) return undefined;
  return segment === ''
    ? 'has an empty segment (a leading, trailing or double slash)'
    : `has a segment ${JSON.stringify(segment)}`;
}
