/** Results: a line of JSON each, shown and kept in bench/results/NAME.jsonl, newest last. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GoalOutcome } from './goals.ts';
import type { Machine } from './machine.ts';
import type { Figures } from './turn.ts';

export type Result = {
  readonly bench: string;
  /** Which of the bench's comparisons; the bench's own name when it has one only. */
  readonly case: string;
  readonly what: string;
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  /** At the start and at the end. */
  readonly load: readonly [number, number];
  /** Cores that other programs kept busy meanwhile, on average; old lines have none. */
  readonly otherCores?: number;
  /** Of Node, of us (a commit), of each peer. */
  readonly versions: Readonly<Record<string, string>>;
  /** By contestant, in the order they were measured. */
  readonly turns: Readonly<Record<string, readonly Figures[]>>;
  readonly medians: Readonly<Record<string, Figures>>;
  /** By peer: its median divided by ours. */
  readonly ratios: Readonly<Record<string, Figures>>;
  readonly goals: readonly GoalOutcome[];
};

export const resultsFolder: string = fileURLToPath(new URL('../results/', import.meta.url));

export function resultLine(result: Result): string {
  return `${JSON.stringify(result)}\n`;
}

export function keepResult(result: Result, folder: string = resultsFolder): void {
  const path = join(folder, `${result.bench}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, resultLine(result));
}

/** Others may keep so much of a core busy before wall times are noise. */
const otherCoresMax = 0.3;
/** Of lines that do not know the others: what we ourselves run adds about one for each core. */
const loadPerCoreMax = 1.5;

/** Whether the machine had so much else to do that wall times say little. */
export function isAtLoad({ otherCores, load, machine }: Pick<Result, 'otherCores' | 'load' | 'machine'>): boolean {
  if (otherCores !== undefined) return otherCores > otherCoresMax;
  return Math.max(...load) > machine.cores * loadPerCoreMax;
}

/** The newest result of each case, in order of benches and cases. */
export function newestResults(folder: string = resultsFolder): readonly Result[] {
  if (!existsSync(folder)) return [];
  const newest = new Map<string, Result>();
  for (const name of readdirSync(folder).toSorted()) {
    if (!name.endsWith('.jsonl')) continue;
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
      if (line === '') continue;
      const result: Result = JSON.parse(line);
      newest.set(`${result.bench} ${result.case}`, result);
    }
  }
  return [...newest.values()];
}
