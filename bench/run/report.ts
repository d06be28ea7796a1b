/**
 * The newest results as people read them: a chart for each bench in docs/figures, and a table of goals against what was reached
 * between two marks of docs/PERFORMANCE.md. Pure, but for `writeReport`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart, type Panel, shownNumber } from './bar-chart.ts';
import type { GoalOutcome } from './goals.ts';
import { isAtLoad, newestResults, type Result } from './results.ts';
import type { Figures } from './turn.ts';

export const reportBegin = '<!-- bench: begin; written by `npm run bench -- plots` -->';
export const reportEnd = '<!-- bench: end -->';

const ours = 'tidelake';
/** What is shown of a case without a goal. */
const usualFigure = 'firstWallMs';

/** Charts and table from what bench/results holds. */
export function writeReport(root: string): void {
  const results = newestResults();
  const figures = join(root, 'docs', 'figures');
  mkdirSync(figures, { recursive: true });
  for (const bench of benchesOf(results)) {
    writeFileSync(join(figures, chartName(bench)), chartOf(bench, results));
  }
  const path = join(root, 'docs', 'PERFORMANCE.md');
  writeFileSync(path, withReport(readFileSync(path, 'utf8'), reportText(results)));
}

/** @throws Error when the text has not both marks, in their order */
export function withReport(text: string, report: string): string {
  const begin = text.indexOf(reportBegin);
  const end = text.indexOf(reportEnd);
  if (begin < 0 || end < begin)
    throw new Error(`docs/PERFORMANCE.md has not the marks ${reportBegin} and ${reportEnd}`);
  return `${text.slice(0, begin)}${reportBegin}\n${report}${text.slice(end)}`;
}

export function reportText(results: readonly Result[]): string {
  const head = [
    '| bench | figure | ours | Paimon | others | goal | reached | of CPU | load |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  const rows = results.flatMap(result => rowsOf(result));
  const charts = benchesOf(results).map(bench => `![${bench}](figures/${chartName(bench)})`);
  return `${['', ...machinesOf(results), '', ...head, ...rows, '', ...charts, ''].join('\n')}`;
}

/** On what, of what and when, a line for each machine and set of versions. */
function machinesOf(results: readonly Result[]): readonly string[] {
  const byPlace = new Map<string, string[]>();
  for (const { machine, versions, date, bench } of results) {
    const { tidelake, ...others } = versions;
    const place = `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGb} GB`;
    const node = `Node ${others['node'] ?? 'unknown'}`;
    const label = `${place}; ${node}; commit ${tidelake ?? 'unknown'}; ${date.slice(0, 10)}`;
    byPlace.set(label, [...(byPlace.get(label) ?? []), bench]);
  }
  const peers = new Map(results.flatMap(({ versions }) => Object.entries(versions)));
  const named = [...peers]
    .filter(([name]) => name !== 'node' && name !== ours)
    .map(([name, version]) => `${name} ${version}`);
  const lines = [...byPlace].map(([label, benches]) => `- ${label}: ${[...new Set(benches)].join(', ')}`);
  return [
    `Against ${named.join(', ')}; \`npm run bench -- NAME\` measures a line again, \`npm run bench -- all\` all of them.`,
    '',
    ...lines,
  ];
}

function rowsOf(result: Result): readonly string[] {
  const { goals, medians, ratios } = result;
  const figures =
    goals.length === 0
      ? [{ figure: usualFigure, outcome: undefined }]
      : goals.map(outcome => ({ figure: outcome.figure, outcome }));
  return figures.map(({ figure, outcome }) => {
    const value = (name: string): string | undefined => {
      const median = medians[name]?.[figure];
      return median === undefined ? undefined : shownNumber(median);
    };
    const others = Object.keys(medians)
      .filter(name => name !== ours && name !== 'paimon')
      .flatMap(name => (value(name) === undefined ? [] : `${name} ${value(name)}`));
    const reached = outcome === undefined ? '' : `${reachedText(outcome)}, ${outcome.isMet ? 'met' : '**not met**'}`;
    const cells = [
      `\`${result.case}\``,
      figure,
      ...[value(ours) ?? '', value('paimon') ?? '', others.join(', ')],
      ...[outcome?.goal ?? '', reached, cpuText(figure, ratios[outcome?.peer ?? '']), loadText(result)],
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

function loadText(result: Result): string {
  const [start, end] = result.load;
  return `${start}–${end}${isAtLoad(result) ? ', **at load**' : ''}`;
}

/** The same ratio of processor time, which the load of the machine changes less. */
function cpuText(figure: string, ratios: Figures | undefined): string {
  const ratio = figure.endsWith('WallMs') ? ratios?.[figure.replace('WallMs', 'CpuMs')] : undefined;
  return ratio === undefined ? '' : `${shownNumber(ratio)}x`;
}

function reachedText({ reached, peer }: GoalOutcome): string {
  return peer === undefined ? shownNumber(reached) : `${shownNumber(reached)}x`;
}

function benchesOf(results: readonly Result[]): readonly string[] {
  return [...new Set(results.map(({ bench }) => bench))];
}

function chartName(bench: string): string {
  return `bench-${bench}.svg`;
}

export function chartOf(bench: string, results: readonly Result[]): string {
  const own = results.filter(result => result.bench === bench);
  return barChart(`npm run bench -- ${bench}`, own.flatMap(panelsOf));
}

function panelsOf({ case: name, goals, medians }: Result): readonly Panel[] {
  const figures = goals.length === 0 ? [usualFigure] : [...new Set(goals.map(({ figure }) => figure))];
  return figures.flatMap(figure => {
    const bars = Object.entries(medians).flatMap(([label, all]) =>
      all[figure] === undefined ? [] : { label, value: all[figure] },
    );
    if (bars.length === 0) return [];
    return { title: `${name}: ${figure}`, unit: unitOf(figure), bars, goal: goalLine(figure, { goals, medians }) };
  });
}

/** Where the goal is on the scale: of a ratio, the peer's value by it. */
function goalLine(figure: string, { goals, medians }: Pick<Result, 'goals' | 'medians'>): number | undefined {
  const goal = goals.find(outcome => outcome.figure === figure);
  if (goal?.peer === undefined) return goal?.bound;
  const theirs = medians[goal.peer]?.[figure];
  return theirs === undefined ? undefined : theirs / goal.bound;
}

/** The unit that ends a figure's name. */
export function unitOf(figure: string): string {
  const name = figure.replace(/At\d+$/, '');
  if (name.endsWith('RowsPerS')) return 'rows/s';
  if (name.endsWith('Ms')) return 'ms';
  return name.endsWith('Mb') ? 'MB' : '';
}
