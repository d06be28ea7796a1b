/** Where and of what a result is: the machine, its load, and the versions. */
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { childrenCpuMs, machineCpuMs } from './processor-time.ts';

export type Machine = { readonly cpu: string; readonly cores: number; readonly memoryGb: number };

export function thisMachine(): Machine {
  const all = cpus();
  return { cpu: all[0]?.model ?? 'unknown', cores: all.length, memoryGb: Math.round(totalmem() / 2 ** 30) };
}

/** Processes that ran or wanted to, on average over the last minute. */
export function loadNow(): number {
  return Number((loadavg()[0] ?? Number.NaN).toFixed(2));
}

/** What has been used of the machine's cores up to a moment, by all and by us. */
export type CpuMoment = { readonly atMs: number; readonly allMs: number; readonly oursMs: number };

/** Of ours are this process and those it has waited for. */
export function cpuNow(): CpuMoment {
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), allMs: machineCpuMs(), oursMs: (user + system) / 1_000 + childrenCpuMs() };
}

/** How many cores other programs kept busy between two moments, on average. */
export function otherCores(from: CpuMoment, to: CpuMoment): number {
  const othersMs = to.allMs - from.allMs - (to.oursMs - from.oursMs);
  return Math.max(0, Number((othersMs / (to.atMs - from.atMs)).toFixed(2)));
}

/** The commit that is checked out, with `+` when files have been changed since; `unknown` without git. */
export function commitNow(root: string): string {
  const git = (...args: readonly string[]): string =>
    spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout ?? '';
  const commit = git('rev-parse', '--short', 'HEAD').trim();
  if (commit === '') return 'unknown';
  const isChanged = git('status', '--porcelain', '--', 'src').trim() !== '';
  return `${commit}${isChanged ? '+' : ''}`;
}
