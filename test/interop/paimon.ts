/**
 * Real Apache Paimon for tests: one JVM that reads, follows, appends to and compacts tables on the local disk.
 *
 *   await using paimon = await startPaimon();
 *   expect(await paimon.rows({ warehouse, table: 'db.t' })).toEqual(ours);
 *
 * Rows are canonical JSON (test/golden/README.md), sorted by their bytes. Requests are answered in order. What Paimon throws
 * rejects as PaimonError with all its messages.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { type PaimonVersion, paimonClassPath } from './paimon-build.ts';

export class PaimonError extends Error {
  override readonly name = 'PaimonError';
}

export type TableRef = {
  /** A folder. */
  readonly warehouse: string;
  /** `database.table`; a system table is `database.table$files`. */
  readonly table: string;
  readonly branch?: string;
};

/** Which state of the table; the latest when nothing is said. */
export type TableMoment = { readonly snapshot: number } | { readonly tag: string };

export type Change = {
  readonly snapshot: number;
  /** Row kind and row: `+I {"id":"1"}`. */
  readonly line: string;
};

type Request = Readonly<Record<string, unknown>> & { readonly op: string; readonly lines?: number };

const stderrCharactersMax = 4_000;

export async function startPaimon(
  options: { readonly heap?: string; readonly version?: PaimonVersion } = {},
): Promise<Paimon> {
  const flags = ['-Xshare:auto', '-XX:+UseSerialGC', `-Xmx${options.heap ?? '1g'}`, '-Duser.timezone=UTC'];
  const jvm = spawn('java', [...flags, '-cp', paimonClassPath(options.version ?? '1.4.2'), 'PaimonHarness'], {
    stdio: 'pipe',
  });
  await new Promise<void>((resolve, reject) => jvm.once('spawn', resolve).once('error', reject));
  return new Paimon(jvm);
}

export class Paimon implements AsyncDisposable {
  readonly #jvm: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncGenerator<string>;
  readonly #ended: Promise<void>;
  #stderr = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(jvm: ChildProcessWithoutNullStreams) {
    this.#jvm = jvm;
    this.#answers = linesOf(jvm.stdout);
    this.#ended = new Promise(resolve => jvm.once('close', () => resolve()));
    jvm.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharactersMax);
    });
    // A write to a JVM that is gone: the answer that does not come says more.
    jvm.stdin.on('error', () => undefined);
  }

  /** All rows of a table as a batch read gives them. */
  rows(ref: TableRef, at?: TableMoment): Promise<readonly string[]> {
    return this.#ask({ op: 'rows', ...nameOf(ref), options: scanOptions(at) });
  }

  /** All rows of a batch read with table options that hold for it alone. */
  read(ref: TableRef, options: Readonly<Record<string, string>>): Promise<readonly string[]> {
    return this.#ask({ op: 'rows', ...nameOf(ref), options });
  }

  /** The columns of a table in their order, each as `name TYPE`. */
  columns(ref: TableRef): Promise<readonly string[]> {
    return this.#ask({ op: 'columns', ...nameOf(ref) });
  }

  /**
   * The rows that Paimon reads for a filter and would still filter: what its statistics and indexes leave of the table.
   *
   * @param literal as in canonical JSON; null where the operator takes none
   */
  candidates(
    ref: TableRef,
    filter: { readonly column: string; readonly operator: string; readonly literal: unknown },
  ): Promise<readonly string[]> {
    return this.#ask({ op: 'candidates', ...nameOf(ref), ...filter });
  }

  /** What a streaming read gives for the snapshots `first` to `last`, both included; in a snapshot sorted by bytes. */
  async changes(ref: TableRef, range: { readonly first: number; readonly last: number }): Promise<readonly Change[]> {
    const lines = await this.#ask({ op: 'changes', ...nameOf(ref), ...range });
    return lines.map(text => {
      const [snapshot = '', ...rest] = text.split('\t');
      return { snapshot: Number(snapshot), line: rest.join('\t') };
    });
  }

  /** The snapshot files, oldest first, as JSON. */
  snapshots(ref: TableRef): Promise<readonly string[]> {
    return this.#ask({ op: 'snapshots', ...nameOf(ref) });
  }

  /** Makes a table from a schema file's JSON. */
  async create(ref: TableRef, schema: object): Promise<void> {
    await this.#ask({ op: 'create', ...nameOf(ref), schema });
  }

  /**
   * One commit of these changes (`+I {…}`); a column that is not named is null.
   *
   * @returns the id of the latest snapshot afterwards: with compaction one commit may make two
   */
  async append(
    ref: TableRef,
    changes: readonly string[],
    options: { readonly compaction: boolean } = { compaction: false },
  ): Promise<number> {
    const request = { op: 'append', ...nameOf(ref), ...options, lines: changes.length };
    return latestOf(await this.#ask(request, changes));
  }

  /** A full compaction of every bucket. Paimon makes two snapshots of it: an APPEND without rows, then the COMPACT. */
  async compactFully(ref: TableRef): Promise<number> {
    return latestOf(await this.#ask({ op: 'compact', ...nameOf(ref) }));
  }

  /** Rewrites the small files of an append table without buckets into one for each partition, in one commit. */
  async compactAppend(ref: TableRef): Promise<number> {
    return latestOf(await this.#ask({ op: 'compactAppend', ...nameOf(ref) }));
  }

  /** Brings the postponed rows of a table (`bucket` = -2) into real buckets, as Flink's compaction job does. */
  async compactPostponed(ref: TableRef, bucketCount: number): Promise<number> {
    return latestOf(await this.#ask({ op: 'compactPostponed', ...nameOf(ref), bucketCount }));
  }

  /**
   * Deletes rows of an append table by deletion vectors, as Spark does: of each live file those whose position leaves
   * `remainder` when it is divided by `modulus`.
   */
  async deleteRows(ref: TableRef, where: { readonly modulus: number; readonly remainder: number }): Promise<number> {
    return latestOf(await this.#ask({ op: 'deleteRows', ...nameOf(ref), ...where }));
  }

  /** Expires snapshots, and changelogs that outlive them, by the table's options and these. */
  async expire(ref: TableRef, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#ask({ op: 'expire', ...nameOf(ref), options, allChangelogs: false });
  }

  /** Expires every changelog that has outlived its snapshot. */
  async expireAllChangelogs(ref: TableRef): Promise<void> {
    await this.#ask({ op: 'expire', ...nameOf(ref), options: {}, allChangelogs: true });
  }

  /** Makes the tag that a batch of writes ends with, and takes those away that are too many. */
  async tagBatch(ref: TableRef): Promise<void> {
    await this.#ask({ op: 'endBatch', ...nameOf(ref), step: 'tag', partition: '' });
  }

  /** Marks a partition (`dt=2024-01-01`) done by the table's actions. */
  async markDone(ref: TableRef, partition: string): Promise<void> {
    await this.#ask({ op: 'endBatch', ...nameOf(ref), step: 'markDone', partition });
  }

  /** What incremental clustering would take up next, by partition: the level it goes to, and names of files. */
  async clusterUnits(
    ref: TableRef,
    options: { readonly full: boolean; readonly partition?: Readonly<Record<string, string>> },
  ): Promise<readonly { readonly level: number; readonly files: readonly string[] }[]> {
    const lines = await this.#ask({ op: 'clusterUnits', ...nameOf(ref), partition: {}, ...options });
    return lines.map(line => {
      const [level, ...files] = line.split(' ');
      return { level: Number(level), files };
    });
  }

  /**
   * Sets of 64-bit numbers in hex, one for each line: `of 1 2 3`, put in in this order, or `or HEX HEX`; of 32-bit numbers by
   * `of32` and `or32`; deletion vectors by `vector32` and `vector64`.
   */
  bitmaps(lines: readonly string[]): Promise<readonly string[]> {
    const anyTable = { warehouse: tmpdir(), table: 'none.none' };
    return this.#ask({ op: 'bitmaps', ...nameOf(anyTable), lines: lines.length }, lines);
  }

  /** The keys by which Paimon orders rows along a curve over the columns, in hex, one for each change. */
  curveKeys(
    ref: TableRef,
    curve: { readonly strategy: 'zorder' | 'hilbert'; readonly columns: readonly string[] },
    changes: readonly string[],
  ): Promise<readonly string[]> {
    const { strategy, columns } = curve;
    const request = { op: 'curveKeys', ...nameOf(ref), strategy, columns: columns.join(','), lines: changes.length };
    return this.#ask(request, changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#jvm.stdin.end();
    await this.#ended;
  }

  /** One request at a time: the next is sent when the one before is answered, whatever came of it. */
  #ask(request: Request, lines: readonly string[] = []): Promise<readonly string[]> {
    const answer = this.#last.then(() => this.#exchange(request, lines));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #exchange(request: Request, lines: readonly string[]): Promise<readonly string[]> {
    this.#jvm.stdin.write(`${[JSON.stringify(request), ...lines].join('\n')}\n`);
    const head = await this.#line();
    const [, kind, rest = ''] = /^(ok|error) (.*)$/.exec(head) ?? [];
    if (kind === 'error')
      throw new PaimonError(`${request.op} of ${String(request['table'])}: ${String(JSON.parse(rest))}`);
    if (kind !== 'ok') throw new PaimonError(`not an answer: ${head}`);
    const answer: string[] = [];
    while (answer.length < Number(rest)) answer.push(await this.#line());
    return answer;
  }

  async #line(): Promise<string> {
    const next = await this.#answers.next();
    if (next.done !== true) return next.value;
    throw new PaimonError(`the JVM ended without an answer: ${this.#stderr.trim() || 'it said nothing'}`);
  }
}

function nameOf({ warehouse, table, branch }: TableRef): Readonly<Record<string, unknown>> {
  const dot = table.indexOf('.');
  return {
    warehouse: pathToFileURL(warehouse).href,
    database: table.slice(0, dot),
    table: table.slice(dot + 1),
    branch: branch ?? null,
  };
}

function scanOptions(at: TableMoment | undefined): Readonly<Record<string, string>> {
  if (at === undefined) return {};
  return 'tag' in at ? { 'scan.tag-name': at.tag } : { 'scan.snapshot-id': String(at.snapshot) };
}

function latestOf(answer: readonly string[]): number {
  return Number(answer[0]);
}

/** Lines end with a line feed only: rows may hold other characters that Unicode counts as line ends. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
  }
}
