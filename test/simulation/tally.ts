/** What many seeds came to, added up; plain data, so that threads can hand it on. */
import type { SeedResult } from './run-seed.ts';

export type Tally = {
  seeds: number;
  commits: number;
  events: number;
  virtualMs: number;
  /** Time on a core. */
  cpuMs: number;
  readonly faults: Record<string, number>;
  readonly counts: Record<string, number>;
  /** Seeds that failed, each with what was wrong. */
  readonly failed: { readonly seed: number; readonly what: string }[];
};

export function newTally(): Tally {
  return { seeds: 0, commits: 0, events: 0, virtualMs: 0, cpuMs: 0, faults: {}, counts: {}, failed: [] };
}

export function addResult(tally: Tally, result: SeedResult, cpuMs: number): void {
  tally.seeds += 1;
  tally.commits += result.figures.commits;
  tally.events += result.events;
  tally.virtualMs += result.virtualMs;
  tally.cpuMs += cpuMs;
  for (const [kind, count] of result.faults) addCount(tally.faults, kind, count);
  for (const [name, count] of Object.entries(result.figures.counts)) addCount(tally.counts, name, count);
  if (result.failure !== undefined) tally.failed.push({ seed: result.seed, what: textOf(result.failure) });
}

export function addTally(to: Tally, tally: Tally): void {
  to.seeds += tally.seeds;
  to.commits += tally.commits;
  to.events += tally.events;
  to.virtualMs += tally.virtualMs;
  to.cpuMs += tally.cpuMs;
  for (const [kind, count] of Object.entries(tally.faults)) addCount(to.faults, kind, count);
  for (const [name, count] of Object.entries(tally.counts)) addCount(to.counts, name, count);
  to.failed.push(...tally.failed);
}

function addCount(counts: Record<string, number>, name: string, count: number): void {
  counts[name] = (counts[name] ?? 0) + count;
}

export function textOf(failure: unknown): string {
  return failure instanceof Error ? `${failure.name}: ${failure.message}` : String(failure);
}
