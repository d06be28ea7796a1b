/**
 * Names of files that metadata gives. They are followed within one folder only, so a name that is a path leads out of it:
 * whoever can write metadata of one table must not be able to have files of another read, or removed.
 */
import { corrupt, type LakeErrorCode } from '../base/errors.ts';

/** What file systems allow of one name, bytes of UTF-8. */
export const fileNameBytesMax = 255;

// A slash of either kind and control characters, the two dots that mean folders.
const notInName = /[/\\\p{Cc}]/u;

/** Whether it names a file right in a folder, and nothing anywhere else. */
export function isFileName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.length > fileNameBytesMax) return false;
  return !notInName.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= fileNameBytesMax;
}

/** @throws LakeError `corrupt` with the code, when the name is a path or no name at all */
export function checkedFileName(
  name: string,
  source: { readonly code: LakeErrorCode; readonly where: string },
): string {
  if (isFileName(name)) return name;
  throw corrupt(source.code, `${source.where}: ${JSON.stringify(name.slice(0, 80))} is not the name of a file`);
}
