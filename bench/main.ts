/**
 * Benchmarks. Without a name it lists what there is.
 *
 *   npm run bench -- NAME [--vs paimon,pypaimon,duckdb,pyarrow] [--rounds N] [--written-by paimon] [--dry-run]
 *   npm run bench -- all      every comparison, and the plots: some 15 minutes of a machine that has nothing else to do
 *   npm run bench -- plots    charts and the table of docs/PERFORMANCE.md from the newest results
 *
 * Comparisons measure us and peers in turns at the same work, and keep a line for each in bench/results/ unless it is a dry run.
 * `--vs none` measures us alone. `--written-by paimon` has Paimon write the tables that are read and compacted.
 * Other benches are programs of this folder; each prints lines of JSON. Where something fails the process ends with 1.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { comparisons } from './comparisons/all.ts';
import { repositoryRoot } from './run/built-turns.ts';
import { isPeer, type Peer } from './run/contestants.ts';
import { writeReport } from './run/report.ts';
import { type RunSettings, runComparisons } from './run/run-comparisons.ts';

const roundsDefault = 5;
const roundsOfAll = 3;

const folder = fileURLToPath(new URL('.', import.meta.url));
const programs = readdirSync(folder)
  .filter(name => name.endsWith('.ts') && name !== 'main.ts')
  .map(name => name.slice(0, -'.ts'.length));

function settingsOf(args: readonly string[], { isAll }: { readonly isAll: boolean }): RunSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      vs: { type: 'string' },
      rounds: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      'written-by': { type: 'string', default: 'tidelake' },
    },
  });
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) fail(`--rounds ${values.rounds}: a number`);
  const writtenBy = values['written-by'];
  if (writtenBy !== 'tidelake' && writtenBy !== 'paimon') fail(`--written-by ${writtenBy}: tidelake or paimon`);
  return {
    ...{ peers: peersOf(values.vs), isDryRun: values['dry-run'], writtenBy, args },
    roundsOf: ({ roundsInAll = roundsOfAll, roundsMax = Number.POSITIVE_INFINITY }) =>
      Math.min(rounds ?? (isAll ? roundsInAll : roundsDefault), roundsMax),
  };
}

function peersOf(text: string | undefined): readonly Peer[] | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return [];
  return text.split(',').map(name => (isPeer(name) ? name : fail(`--vs ${name}: there is no such peer`)));
}

/** A turn that failed may leave something open that would keep this process from ending. */
function endAfter(failureCount: number): void {
  if (failureCount > 0) process.exit(1);
}

function fail(why: string): never {
  console.error(why);
  process.exit(2);
}

const [name, ...args] = process.argv.slice(2);
if (name === 'all') {
  const settings = settingsOf(args, { isAll: true });
  const failureCount = await runComparisons(Object.keys(comparisons), settings);
  if (!settings.isDryRun) writeReport(repositoryRoot);
  endAfter(failureCount);
} else if (name === 'plots') writeReport(repositoryRoot);
else if (name !== undefined && comparisons[name] !== undefined) {
  endAfter(await runComparisons([name], settingsOf(args, { isAll: false })));
} else if (name !== undefined && programs.includes(name)) await import(new URL(`./${name}.ts`, import.meta.url).href);
else {
  const names = ['all', 'plots', ...Object.keys(comparisons), ...programs].join(', ');
  fail(`${name === undefined ? 'Which benchmark?' : `There is no benchmark ${name}.`} There are: ${names}`);
}
