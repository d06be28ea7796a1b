/**
 * Runs benches that compare, one after the other, and says meanwhile what it is doing and how long it took. One that fails does
 * not keep the others from being measured; it is told of at the end, and the process ends with 1.
 */
import { comparisons } from '../comparisons/all.ts';
import { WorkTables } from '../workload/tables.ts';
import { buildTurns } from './built-turns.ts';
import { compare } from './compare.ts';
import type { Comparison } from './comparison.ts';
import type { Peer } from './contestants.ts';
import { paimonRuns } from './paimon-runs.ts';
import { isAtLoad, keepResult, resultLine } from './results.ts';

export type RunSettings = {
  /** Who takes part, where a comparison knows them; undefined: as each has it. */
  readonly peers: readonly Peer[] | undefined;
  readonly roundsOf: (comparison: Comparison) => number;
  readonly isDryRun: boolean;
  readonly writtenBy: 'tidelake' | 'paimon';
  /** For the results: what follows the name of the bench. */
  readonly args: readonly string[];
};

/** @returns how many cases failed */
export async function runComparisons(names: readonly string[], settings: RunSettings): Promise<number> {
  const { peers, roundsOf, isDryRun, writtenBy, args } = settings;
  const startedMs = performance.now();
  say('building our turns');
  const turns = buildTurns();
  using tables = new WorkTables(writtenBy === 'paimon' ? paimonRuns(turns) : undefined);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      tables[Symbol.dispose]();
      process.exit(1);
    });
  }
  const cases = names.flatMap(bench => (comparisons[bench] ?? []).map(comparison => ({ bench, comparison })));
  const failures: string[] = [];
  const loaded: string[] = [];
  const seconds: (readonly [string, number])[] = [];
  for (const [index, { bench, comparison }] of cases.entries()) {
    const { name } = comparison;
    const chosen = peers?.filter(peer => comparison.peers.includes(peer)) ?? comparison.usualPeers;
    const rounds = roundsOf(comparison);
    const beside = chosen.length === 0 ? '' : ` beside ${chosen.join(', ')}`;
    say(`${name} (${index + 1} of ${cases.length})${beside}, rounds: ${rounds}`);
    const caseMs = performance.now();
    try {
      const command = ['npm run bench --', bench, ...args].join(' ');
      const result = await compare(comparison, { bench, rounds, tables, turns, peers: chosen, command });
      process.stdout.write(resultLine(result));
      if (!isDryRun) keepResult(result);
      if (isAtLoad(result)) loaded.push(name);
    } catch (error) {
      say(`${name} FAILED: ${error instanceof Error ? error.stack : String(error)}`);
      failures.push(name);
    }
    const took = secondsSince(caseMs);
    seconds.push([name, took]);
    say(`${name} took ${took} s, all so far ${secondsSince(startedMs)} s`);
  }
  if (cases.length > 1) say(`seconds: ${seconds.map(([name, took]) => `${name} ${took}`).join(', ')}`);
  if (loaded.length > 0) say(`measured while other programs were at work: ${loaded.join(', ')}`);
  if (failures.length > 0) say(`FAILED, and not measured: ${failures.join(', ')}`);
  return failures.length;
}

function say(text: string): void {
  console.error(`bench: ${text}`);
}

function secondsSince(startedMs: number): number {
  return Math.round((performance.now() - startedMs) / 1_000);
}
