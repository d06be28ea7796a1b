/** Measures a comparison: a turn of each contestant after the other, round by round, each answer checked. */
import type { WorkTables } from '../workload/tables.ts';
import type { BuiltTurns } from './built-turns.ts';
import type { Comparison } from './comparison.ts';
import { type Contestant, commandOf, type Peer, versionOf } from './contestants.ts';
import { outcomeOf } from './goals.ts';
import { cpuNow, loadNow, otherCores, thisMachine } from './machine.ts';
import type { Result } from './results.ts';
import { medianFigures, ratiosOf, rounded } from './statistics.ts';
import { type Figures, runTurn } from './turn.ts';

export type CompareSettings = {
  readonly bench: string;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  /** For the result: how to measure again. */
  readonly command: string;
  readonly tables: WorkTables;
  readonly turns: BuiltTurns;
};

export async function compare(comparison: Comparison, settings: CompareSettings): Promise<Result> {
  const { bench, rounds, peers, command, tables, turns: built } = settings;
  const contestants: readonly Contestant[] = ['tidelake', ...peers];
  const commands = new Map(
    contestants.map(name => {
      const { ownTurn } = comparison;
      return [name, name === 'tidelake' && ownTurn !== undefined ? ownTurn : commandOf(name, built)] as const;
    }),
  );
  const opened = await comparison.open(tables);
  const loadAtStart = loadNow();
  const cpuAtStart = cpuNow();
  const turns: Record<string, Figures[]> = Object.fromEntries(contestants.map(name => [name, []]));
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [contestant, program] of commands) {
        const job = await opened.job(contestant);
        const turn = await runTurn(program, job);
        await opened.check(turn, job);
        turns[contestant]?.push(roundedFigures(turn.figures));
        console.error(`bench: ${comparison.name}, round ${round} of ${rounds}, ${contestant}: ${shown(turn.figures)}`);
      }
    }
  } finally {
    await opened.close?.();
  }
  const medians = Object.fromEntries(Object.entries(turns).map(([name, all]) => [name, medianFigures(all)]));
  const ours = medians['tidelake'] ?? {};
  const ratios = Object.fromEntries(peers.map(name => [name, ratiosOf(ours, medians[name] ?? {})]));
  return {
    ...{ bench, case: comparison.name, what: comparison.what },
    ...{ date: new Date().toISOString(), command, machine: thisMachine() },
    ...{ load: [loadAtStart, loadNow()], otherCores: otherCores(cpuAtStart, cpuNow()) },
    versions: { node: process.version, ...Object.fromEntries(contestants.map(name => [name, versionOf(name)])) },
    ...{ turns, medians, ratios },
    goals: comparison.goals.flatMap(goal => outcomeOf(goal, { medians: ours, ratios }) ?? []),
  };
}

function roundedFigures(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));
}

/** The few figures that tell how a turn went. */
function shown(figures: Figures): string {
  const names = ['firstWallMs', 'firstCpuMs', 'warmWallMs', 'warmCpuMs', 'peakRssMb'];
  return names.flatMap(name => (figures[name] === undefined ? [] : `${name} ${Math.round(figures[name])}`)).join(', ');
}
