/**
 * Benchmarks. Without a name it lists what there is.
 *
 *   npm run bench -- NAME [--vs paimon,pypaimon,duckdb,pyarrow] [--rounds N] [--written-by paimon] [--dry-run]
 *   npm run bench -- all      every comparison, and the plots
 *   npm run bench -- plots    charts and the table of docs/PERFORMANCE.md from the newest results
 *
 * Comparisons measure us and peers in turns at the same work, and keep a line for each in bench/results/ unless it is a dry run.
 * `--vs none` measures us alone. `--written-by paimon` has Paimon write the tables that are read and compacted.
 * Other benches are programs of this folder; each prints lines of JSON.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { comparisons } from './comparisons/all.ts';
import { buildTurns, repositoryRoot } from './run/built-turns.ts';
import { compare } from './run/compare.ts';
import { isPeer, type Peer } from './run/contestants.ts';
import { paimonRuns } from './run/paimon-runs.ts';
import { writeReport } from './run/report.ts';
import { keepResult, resultLine } from './run/results.ts';
import { WorkTables } from './workload/tables.ts';

const roundsDefault = 5;
const roundsOfAll = 3;

const folder = fileURLToPath(new URL('.', import.meta.url));
const programs = readdirSync(folder)
  .filter(name => name.endsWith('.ts') && name !== 'main.ts')
  .map(name => name.slice(0, -'.ts'.length));

type Settings = {
  readonly peers: readonly Peer[] | undefined;
  readonly rounds: number | undefined;
  readonly isDryRun: boolean;
  readonly writtenBy: string;
};

function settingsOf(args: readonly string[]): Settings {
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
  return { peers: peersOf(values.vs), rounds, isDryRun: values['dry-run'], writtenBy };
}

function peersOf(text: string | undefined): readonly Peer[] | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return [];
  return text.split(',').map(name => (isPeer(name) ? name : fail(`--vs ${name}: there is no such peer`)));
}

function fail(why: string): never {
  console.error(why);
  process.exit(2);
}

async function runComparisons(names: readonly string[], args: readonly string[], usualRounds: number): Promise<void> {
  const { peers, rounds = usualRounds, isDryRun, writtenBy } = settingsOf(args);
  console.error('bench: building');
  const turns = buildTurns();
  using tables = new WorkTables(writtenBy === 'paimon' ? paimonRuns(turns) : undefined);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      tables[Symbol.dispose]();
      process.exit(1);
    });
  }
  for (const bench of names) {
    for (const comparison of comparisons[bench] ?? []) {
      const result = await compare(comparison, {
        ...{ bench, rounds, tables, turns },
        peers: peers?.filter(peer => comparison.peers.includes(peer)) ?? comparison.usualPeers,
        command: ['npm run bench --', bench, ...args].join(' '),
      });
      process.stdout.write(resultLine(result));
      if (!isDryRun) keepResult(result);
    }
  }
}

const [name, ...args] = process.argv.slice(2);
if (name === 'all') {
  await runComparisons(Object.keys(comparisons), args, roundsOfAll);
  if (!settingsOf(args).isDryRun) writeReport(repositoryRoot);
} else if (name === 'plots') writeReport(repositoryRoot);
else if (name !== undefined && comparisons[name] !== undefined) await runComparisons([name], args, roundsDefault);
else if (name !== undefined && programs.includes(name)) await import(new URL(`./${name}.ts`, import.meta.url).href);
else {
  const names = ['all', 'plots', ...Object.keys(comparisons), ...programs].join(', ');
  fail(`${name === undefined ? 'Which benchmark?' : `There is no benchmark ${name}.`} There are: ${names}`);
}
