/** Which mutants a run is about: all of them, those of some files, of lines that changed, or a sample. */
import { execFileSync } from 'node:child_process';
import { seededRandom } from '../../src/base/random.ts';
import type { Mutant } from './find-mutants.ts';

export type Selection = {
  /** A part of the file's path. */
  readonly files: string | undefined;
  /** A revision of git: only lines that differ from it. */
  readonly since: string | undefined;
  /** How many, at random. */
  readonly sample: number | undefined;
  readonly seed: number;
};

export function selectMutants(mutants: readonly Mutant[], selection: Selection, root: string): readonly Mutant[] {
  const { files, since, sample, seed } = selection;
  const changed = since === undefined ? undefined : changedLines(since, root);
  const chosen = mutants.filter(
    ({ file, line }) =>
      (files === undefined || file.includes(files)) && (changed === undefined || changed.get(file)?.has(line) === true),
  );
  if (sample === undefined) return chosen;
  const random = seededRandom(seed);
  const drawn = chosen.map(mutant => ({ mutant, lot: random.next() })).toSorted((a, b) => a.lot - b.lot);
  return drawn.slice(0, sample).map(({ mutant }) => mutant);
}

/** Lines of now, by file, that are new or changed since the revision. */
function changedLines(revision: string, root: string): ReadonlyMap<string, ReadonlySet<number>> {
  const difference = execFileSync('git', ['diff', '--unified=0', '--no-color', revision, '--', '.'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const lines = new Map<string, Set<number>>();
  let ofFile = new Set<number>();
  for (const line of difference.split('\n')) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1];
    if (file !== undefined) {
      ofFile = new Set();
      lines.set(file, ofFile);
    }
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    for (let at = 0; first !== undefined && at < Number(count); at += 1) ofFile.add(Number(first) + at);
  }
  return lines;
}
