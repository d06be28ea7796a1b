/**
 * pypaimon as reader and writer of tables, in a Python process that answers one request after the other. Installed once into
 * the cache folder, at a version that is pinned.
 *
 *   await using python = await startPypaimon();
 *   expect(await python.rows({ warehouse, table: 'db.t' })).toEqual(ours);
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';
import type { TableRef } from './paimon.ts';

/** With those of its dependencies whose newest releases have dropped Pythons that we still want to run on. */
const packages = ['pypaimon==2.1.0', 'pyarrow==19.0.1'] as const;
const script = fileURLToPath(new URL('python/pypaimon_harness.py', import.meta.url));
const stderrCharactersMax = 4_000;

/** What pypaimon threw. */
export class PypaimonError extends Error {
  override readonly name = 'PypaimonError';
}

type Request = { readonly op: 'rows' } | { readonly op: 'append'; readonly rows: readonly object[] };

export async function startPypaimon(): Promise<Pypaimon> {
  const folder = cachedFolder(packages.join('-').replaceAll('==', '-'), into => {
    runProgram('python3', ['-m', 'pip', 'install', '--quiet', '--target', into, ...packages]);
  });
  const python = spawn('python3', [script], { env: { ...process.env, PYTHONPATH: folder, PYTHONUTF8: '1' } });
  await new Promise<void>((resolve, reject) => python.once('spawn', resolve).once('error', reject));
  return new Pypaimon(python);
}

export class Pypaimon implements AsyncDisposable {
  readonly #python: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<void>;
  #stderr = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(python: ChildProcessWithoutNullStreams) {
    this.#python = python;
    this.#answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise(resolve => python.once('close', () => resolve()));
    python.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharactersMax);
    });
    // A process that died is told by the answer that does not come.
    python.stdin.on('error', () => undefined);
  }

  /** All rows as canonical JSON, sorted by their bytes; times have no more digits than its columns hold. */
  rows(ref: TableRef): Promise<readonly string[]> {
    return this.#ask(ref, { op: 'rows' });
  }

  /** One commit of rows of flat types. */
  async append(ref: TableRef, rows: readonly object[]): Promise<void> {
    await this.#ask(ref, { op: 'append', rows });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#python.stdin.end();
    await this.#ended;
  }

  #ask({ warehouse, table }: TableRef, request: Request): Promise<readonly string[]> {
    const answer = this.#last.then(async (): Promise<readonly string[]> => {
      this.#python.stdin.write(`${JSON.stringify({ ...request, warehouse, table })}\n`);
      const { value, done } = await this.#answers.next();
      if (done === true) throw new PypaimonError(`${request.op} of ${table}: it ended: ${this.#stderr}`);
      const { ok, error }: { ok?: readonly string[]; error?: string } = JSON.parse(value);
      if (ok === undefined) throw new PypaimonError(error);
      return ok;
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

/**
 * Rows as pypaimon can show them: its times end at microseconds, and may have more digits than their column. In the order of
 * their bytes.
 */
export function inMicros(rows: readonly string[]): readonly string[] {
  const short = rows.map(row =>
    row.replaceAll(/(T\d\d:\d\d:\d\d)\.(\d+)(Z?")/g, (_, time: string, digits: string, end: string) => {
      const kept = digits.slice(0, 6).replace(/0+$/, '');
      return `${time}${kept === '' ? '' : `.${kept}`}${end}`;
    }),
  );
  return short.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
