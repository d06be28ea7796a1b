/**
 * Runs one turn: a process of its own that does a job and tells of it (turns/passes.ts). What it used is asked of the kernel, so
 * that every contestant is measured alike.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Job } from '../turns/job.ts';
import type { TurnReport } from '../turns/passes.ts';
import { childrenCpuMs, peakRssMb } from './processor-time.ts';

export type Command = {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/** Figures of a turn by name, each with its unit at its end. */
export type Figures = Readonly<Record<string, number>>;

export type Turn = { readonly figures: Figures; readonly report: TurnReport };

const turnMsMax = 15 * 60_000;
const stderrCharactersMax = 4_000;

/** @throws Error when the process fails or tells nothing */
export async function runTurn({ program, args, env }: Command, job: Job): Promise<Turn> {
  const cpuBefore = childrenCpuMs();
  const startMs = performance.timeOrigin + performance.now();
  const child = spawn(program, [...args, JSON.stringify(job)], { env: { ...process.env, ...env }, timeout: turnMsMax });
  const kill = (): void => void child.kill();
  process.once('exit', kill);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrCharactersMax);
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  // It is waited for below, when there are no more lines: a program that is not there must not end this one before.
  ended.catch(() => undefined);
  let report: TurnReport | undefined;
  let rssMb = Number.NaN;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"passes":')) continue;
    report = reportOf(line);
    rssMb = peakRssMb(child.pid ?? 0);
    child.stdin.end();
  }
  const status = await ended;
  process.removeListener('exit', kill);
  const processWallMs = performance.timeOrigin + performance.now() - startMs;
  if (report === undefined || status !== 0) {
    throw new Error(`${program} ${args.at(-1)} ${JSON.stringify(job)} ended with ${status}: ${stderr}`);
  }
  const processCpuMs = childrenCpuMs() - cpuBefore;
  return { figures: figuresOf(report, { startMs, processWallMs, processCpuMs, peakRssMb: rssMb }), report };
}

function reportOf(line: string): TurnReport {
  return JSON.parse(line, (key, value) => (key === 'sum' ? BigInt(value) : value));
}

type Outside = {
  readonly startMs: number;
  readonly processWallMs: number;
  readonly processCpuMs: number;
  readonly peakRssMb: number;
};

/**
 * | figure | of what |
 * |---|---|
 * | processWall, processCpu | the whole process, from its start to its end, all passes with it |
 * | coldWall, coldCpu | from the start of the process to the end of its first pass |
 * | firstWall, firstCpu | the first pass alone, in a process that has just begun |
 * | warmWall, warmCpu | the best of the passes after the first |
 * | peakRss | the most memory the process held |
 */
export function figuresOf({ passes, figures = {} }: TurnReport, outside: Outside): Figures {
  const { startMs, ...whole } = outside;
  const [first, ...later] = passes;
  const ofFirst =
    first === undefined
      ? {}
      : {
          coldWallMs: first.endMs - startMs,
          coldCpuMs: first.cpuSinceStartMs,
          firstWallMs: first.wallMs,
          firstCpuMs: first.cpuMs,
        };
  const ofLater =
    later.length === 0
      ? {}
      : {
          warmWallMs: Math.min(...later.map(({ wallMs }) => wallMs)),
          warmCpuMs: Math.min(...later.map(({ cpuMs }) => cpuMs)),
        };
  return { ...ofFirst, ...ofLater, ...whole, ...figures };
}
