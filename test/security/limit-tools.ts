/** What the trials of limits have in common: the product's sources, the value of a constant in them, and the edge of a limit. */
import { deepEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLakeError } from '../../src/base/errors.ts';
import { filesBelow, repositoryRoot } from '../source-text.ts';

/** How each limit is tried; the key is the constant. */
export type Trials = Readonly<Record<string, () => Promise<void>>>;

/** The texts of what is shipped, without its tests and without the tools that read test data of our own. */
export const packageSources: readonly string[] = ['src', 'functions']
  .flatMap(folder => filesBelow(folder))
  .filter(path => path.endsWith('.ts') && !/\.(test|conformance|arbitrary)\.ts$/.test(path))
  .filter(path => !/\/golden-\w+\.ts$|\/conditional-put-probe\.ts$/.test(path))
  .map(path => readFileSync(join(repositoryRoot, path), 'utf8'));

export const mib: number = 1024 * 1024;

/** The code of what a call throws; 'taken' when it does not. Whatever is no LakeError fails the test. */
export async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'taken';
  } catch (error) {
    if (isLakeError(error)) return error.code;
    throw error;
  }
}

/** Just under, then just over. */
export async function expectEdge(code: string, under: () => unknown, over: () => unknown): Promise<void> {
  deepEqual([await outcomeOf(under), await outcomeOf(over)], ['taken', code]);
}

export function constant(name: string): number {
  const found = packageSources.flatMap(text => [
    ...text.matchAll(new RegExp(`^(?:export )?const ${name}(?:: number)? = ([\\d_ *+<()-]+);`, 'gm')),
  ]);
  ok(found.length > 0, name);
  const factors = (found[0]?.[1] ?? '').replaceAll('_', '');
  const shifted = /^\(?(\d+) << (\d+)\)?/.exec(factors);
  if (shifted !== null) return Number(shifted[1]) * 2 ** Number(shifted[2]);
  return factors.split('*').reduce((product, factor) => product * Number(factor), 1);
}
