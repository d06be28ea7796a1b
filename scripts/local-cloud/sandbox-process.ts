/**
 * The process in an execution environment: Node with the runtime interface client, started as Lambda starts it, frozen while
 * nothing is asked of it, and never outliving the host.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runtimeClient } from './runtime-client.ts';

export type Exit = { readonly code: number | null; readonly signal: string | null };

export type SandboxSpec = {
  /** Program of the Node to run. */
  readonly node: string;
  readonly memoryMb: number;
  /** Where the function's package lies. */
  readonly taskRoot: string;
  /** All of it: nothing of the host's own environment comes along. */
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
};

const headerBytesMax = 81_920;

/** A process that nobody may leave behind: frozen ones notice nothing, so the kernel ends them with their parent. */
const diesWithParent: readonly string[] = ['setpriv', '--pdeathsig', 'KILL'];
let canDieWithParent: boolean | undefined;

export class SandboxProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<Exit>;
  #exit: Exit | undefined;
  #memoryBytesMax = 0;

  constructor({ node, memoryMb, taskRoot, env, onLine }: SandboxSpec) {
    const [program = node, ...parameters] = [...guard(), node, ...nodeFlags(memoryMb), runtimeClient()];
    this.#child = spawn(program, parameters, { cwd: taskRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      if (output !== null) createInterface({ input: output }).on('line', onLine);
    }
    this.ended = new Promise(resolve => {
      const end = (exit: Exit): void => {
        this.#exit = exit;
        resolve(exit);
      };
      this.#child.once('error', error => {
        onLine(String(error));
        end({ code: 127, signal: null });
      });
      // Not at its exit, when what it said last may be on its way.
      this.#child.once('close', (code, signal) => end({ code, signal }));
    });
  }

  get isAlive(): boolean {
    return this.#exit === undefined;
  }

  /** Stops it where it is, until `thaw`: no timer, no socket, nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** The most memory that it has ever held, as the kernel counts it; what it held last when it is no more. */
  memoryBytesMax(): number {
    const { pid } = this.#child;
    if (pid !== undefined && this.isAlive) {
      this.#memoryBytesMax = Math.max(this.#memoryBytesMax, residentBytesMax(pid));
    }
    return this.#memoryBytesMax;
  }
}

/** What Lambda's own start script gives Node: a heap that fits into the function's memory. */
function nodeFlags(memoryMb: number): readonly string[] {
  const newSpaceMb = Math.floor(memoryMb / 10);
  return [
    '--expose-gc',
    `--max-http-header-size=${headerBytesMax}`,
    `--max-semi-space-size=${Math.floor(newSpaceMb / 2)}`,
    `--max-old-space-size=${memoryMb - newSpaceMb}`,
  ];
}

function guard(): readonly string[] {
  canDieWithParent ??= spawnSync(diesWithParent[0] ?? '', [...diesWithParent.slice(1), 'true']).status === 0;
  return canDieWithParent ? diesWithParent : [];
}

function residentBytesMax(pid: number): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}
