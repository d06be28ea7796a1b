import { link, open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, type LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { codeOf, tempPathFor } from './local-files.ts';

/**
 * Proves that link(2) makes a second name exactly when that name is free: put-if-absent rests on it.
 *
 * @param linkFile node's `link`; a parameter so that file systems without it can be shown to be refused
 * @throws LakeError `invalid` LAKE_STORE_NO_LINK
 */
export async function probeLink(root: string, random: Random, linkFile: typeof link = link): Promise<void> {
  const [first, second, target] = [0, 1, 2].map(() => tempPathFor(join(root, 'probe'), random)) as [
    string,
    string,
    string,
  ];
  try {
    for (const path of [first, second]) await (await open(path, 'wx')).close();
    try {
      await linkFile(first, target);
    } catch (error) {
      throw noLink(root, `link(2) fails with ${codeOf(error) ?? String(error)}`, error);
    }
    const [firstStat, targetStat] = await Promise.all([stat(first, { bigint: true }), stat(target, { bigint: true })]);
    if (firstStat.nlink !== 2n || firstStat.ino !== targetStat.ino)
      throw noLink(root, 'a linked file has no second name');
    const code = await linkFile(second, target).then(
      () => 'no failure',
      error => codeOf(error) ?? String(error),
    );
    if (code !== 'EEXIST') throw noLink(root, `a link over an existing name gives ${code} instead of EEXIST`);
  } finally {
    for (const path of [first, second, target]) await unlink(path).catch(() => undefined);
  }
}

function noLink(root: string, what: string, cause?: unknown): LakeError {
  return invalid(
    'LAKE_STORE_NO_LINK',
    `file:${root}: ${what}, and without hard links commits would not be safe here; use a local file system that has them`,
    { cause },
  );
}
