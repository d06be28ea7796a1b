/**
 * pypaimon as reader and writer of tables, in a Python process that answers one request after the other. Installed once into
 * the cache folder, at a version that is pinned.
 *
 *   await using python = await startPypaimon();
 *   expect(await python.rows({ warehouse, table: 'db.t' })).toEqual(ours);
 */
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import type { TableRef } from './paimon.ts';

/** With those of its dependencies whose newest releases have dropped Pythons that we still want to run on. */
export const pypaimonPackages = ['pypaimon==2.1.0', 'pyarrow==19.0.1'] as const;
const script = fileURLToPath(new URL('python/pypaimon_harness.py', import.meta.url));

/** The folder that has the packages, for PYTHONPATH. */
export function pypaimonFolder(): string {
  return cachedFolder(pypaimonPackages.join('-').replaceAll('==', '-'), into => {
    runProgram('python3', ['-m', 'pip', 'install', '--quiet', '--target', into, ...pypaimonPackages]);
  });
}

export async function startPypaimon(): Promise<Pypaimon> {
  const env = { ...process.env, PYTHONPATH: pypaimonFolder(), PYTHONUTF8: '1' };
  return new Pypaimon(await startLineProcess('python3', [script], env));
}

export class Pypaimon implements AsyncDisposable {
  readonly #python: LineProcess;

  constructor(python: LineProcess) {
    this.#python = python;
  }

  /** All rows as canonical JSON, sorted by their bytes; times have no more digits than its columns hold. */
  rows(ref: TableRef): Promise<readonly string[]> {
    return this.#python.ask({ op: 'rows', ...ref });
  }

  /** One commit of rows of flat types. */
  async append(ref: TableRef, rows: readonly object[]): Promise<void> {
    await this.#python.ask({ op: 'append', rows, ...ref });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#python[Symbol.asyncDispose]();
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
