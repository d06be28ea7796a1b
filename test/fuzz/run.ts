/** Runs a target in a process of its own, with limits on its memory and on the time of each input. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { inputOf, type Target } from './target.ts';
import type { WorkerLine } from './worker.ts';

export type Failure = {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly what: string;
  readonly input: Uint8Array;
};

export type Report = {
  readonly inputs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
};

export type RunOptions = { readonly seed: number; readonly inputs: number };

const heapMegabytesMax = 384;
/** No input takes a second; one that takes this long does not end. */
const hangMs = 60_000;
/** A target that keeps dying has been looked at enough. */
const deathsMax = 5;

export async function runTarget(target: Target, { seed, inputs }: RunOptions): Promise<Report> {
  const counts: Record<string, number> = {};
  const failures: Failure[] = [];
  let first = 0;
  for (let deaths = 0; first < inputs && deaths < deathsMax; deaths += 1) {
    const life = await live(target, { seed, first, end: inputs }, line => {
      if (line.kind === 'counts')
        for (const [label, n] of Object.entries(line.counts)) counts[label] = (counts[label] ?? 0) + n;
      else
        failures.push({
          target: target.name,
          seed,
          index: line.index,
          what: line.what,
          input: Buffer.from(line.input, 'base64'),
        });
    });
    if (life.what === undefined) break;
    const input = inputOf(target, target.corpus(), { seed, index: life.index });
    failures.push({ target: target.name, seed, index: life.index, what: life.what, input });
    counts['failure'] = (counts['failure'] ?? 0) + 1;
    first = life.index + 1;
  }
  return { inputs, counts, failures };
}

type Life = { readonly index: number; readonly what: string | undefined };

function live(
  target: Target,
  range: { seed: number; first: number; end: number },
  take: (line: WorkerLine) => void,
): Promise<Life> {
  const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
  const args = [
    `--max-old-space-size=${heapMegabytesMax}`,
    worker,
    target.name,
    `${range.seed}`,
    `${range.first}`,
    `${range.end}`,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  let index = range.first;
  let isHung = false;
  let stderr = '';
  const hang = (): NodeJS.Timeout =>
    setTimeout(() => {
      isHung = true;
      child.kill('SIGKILL');
    }, hangMs);
  let timer = hang();
  const { stdout, stderr: errors } = child;
  const progress = child.stdio[3];
  if (stdout === null || errors === null || !(progress instanceof Readable))
    throw new TypeError('three pipes were asked for');
  progress.on('data', (bytes: Buffer) => {
    if (bytes.length >= 4) index = bytes.readUInt32LE(bytes.length - 4);
    clearTimeout(timer);
    timer = hang();
  });
  errors.on('data', (bytes: Buffer) => {
    stderr = (stderr + bytes.toString()).slice(-2000);
  });
  const lines = createInterface({ input: stdout });
  lines.on('line', line => take(JSON.parse(line)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve({ index, what: undefined });
      else
        resolve({ index, what: isHung ? 'hang' : `the process ended with ${code ?? signal}: ${stderr.slice(-600)}` });
    });
  });
}
