/** What a run has found, as lines: by file and by area, and each survivor with its place. */
import { keyOf } from './accepted.ts';
import type { SourceFile } from './settings.ts';
import type { Result } from './try-mutants.ts';

export type Verdict = { readonly lines: readonly string[]; readonly passed: boolean };

export function reportOf(
  results: readonly Result[],
  sources: readonly SourceFile[],
  accepted: ReadonlyMap<string, string>,
  killedPercentMin: number,
): Verdict {
  const areaOf = new Map(sources.map(({ file, area }) => [file, area]));
  const alive = results.filter(({ status }) => status === 'survived' || status === 'not-reached');
  const unexplained = alive.filter(({ mutant }) => !accepted.has(keyOf(mutant)));
  const areas = Map.groupBy(results, ({ mutant }) => areaOf.get(mutant.file) ?? '');
  const low = [...areas].filter(([, ofArea]) => killedPercent(ofArea) < killedPercentMin);
  const lines = [
    ...unexplained.map(lineOf),
    '',
    ...[...Map.groupBy(results, ({ mutant }) => mutant.file)].map(([file, ofFile]) => `${file}: ${summaryOf(ofFile)}`),
    '',
    ...[...areas].map(([area, ofArea]) => `${area}: ${summaryOf(ofArea)}`),
    summaryOf(results),
    `survivors without a reason ${unexplained.length}, with one ${alive.length - unexplained.length}`,
    ...low.map(([area]) => `${area}: fewer than ${killedPercentMin} % are killed`),
  ];
  return { lines, passed: unexplained.length === 0 && low.length === 0 && results.length > 0 };
}

function lineOf({ mutant, status }: Result): string {
  const { file, line, operator, original, replacement } = mutant;
  const what = status === 'not-reached' ? 'not reached' : status;
  return `${what}: ${file}:${line}: ${operator}: ${original} → ${replacement}`;
}

function countOf(results: readonly Result[], status: Result['status']): number {
  return results.filter(result => result.status === status).length;
}

/** A mutant that makes a test wait for ever is noticed too. */
function killedPercent(results: readonly Result[]): number {
  return ((countOf(results, 'killed') + countOf(results, 'timed-out')) * 100) / results.length;
}

function summaryOf(results: readonly Result[]): string {
  const killed = countOf(results, 'killed') + countOf(results, 'timed-out');
  return [
    `mutants ${results.length}`,
    `killed ${killed} (${results.length === 0 ? 0 : killedPercent(results).toFixed(1)} %)`,
    `timed out ${countOf(results, 'timed-out')}`,
    `survived ${countOf(results, 'survived')}`,
    `not reached ${countOf(results, 'not-reached')}`,
  ].join(', ');
}
