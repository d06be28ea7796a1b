/**
 * Flink 1.20 with Paimon's connector, embedded in one JVM: statements run in it one after the other, on one small cluster.
 *
 *   await using flink = await startFlink();
 *   expect(await flink.run({ warehouse, sql: 'SELECT * FROM db.t' })).toEqual(['+I {"id":1}']);
 *
 * Maven Central serves no connector of Paimon 1.4 for this Flink, so it is that of 1.3.1.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtClassPath } from './java-build.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';

const flinkVersion = '1.20.1';
const flinkFolder = fileURLToPath(new URL('flink/', import.meta.url));
const printerFolder = fileURLToPath(new URL('java/src/', import.meta.url));

/** Flink's serializers look into Java's own classes. */
const opened = ['lang', 'util', 'nio', 'net', 'time', 'io'].map(
  name => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
);

export type FlinkStatement = {
  /** A folder. */
  readonly warehouse: string;
  readonly sql: string;
};

export async function startFlink(): Promise<Flink> {
  const flags = ['-Xshare:auto', '-XX:+UseSerialGC', '-Xmx1g', '-Duser.timezone=UTC'];
  return new Flink(await startLineProcess('java', [...opened, ...flags, '-cp', classPath(), 'FlinkHarness']));
}

export class Flink implements AsyncDisposable {
  readonly #jvm: LineProcess;

  constructor(jvm: LineProcess) {
    this.#jvm = jvm;
  }

  /** A statement in batch mode, to its end; each row as its kind and canonical JSON, in the order in which they came. */
  run(statement: FlinkStatement): Promise<readonly string[]> {
    return this.#jvm.ask(requestOf('batch', statement));
  }

  /** A procedure, to its end. */
  async call(statement: FlinkStatement): Promise<void> {
    await this.#jvm.ask(requestOf('call', statement));
  }

  /** All rows of a query in batch mode as canonical JSON, sorted by their bytes. */
  async rows(statement: FlinkStatement): Promise<readonly string[]> {
    const rows = (await this.run(statement)).map(line => line.slice('+I '.length));
    return rows.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** The first `count` changes of a query in streaming mode. */
  changes(statement: FlinkStatement, count: number): Promise<readonly string[]> {
    return this.#jvm.ask({ ...requestOf('stream', statement), rowsMax: count });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#jvm[Symbol.asyncDispose]();
  }
}

function requestOf(mode: 'batch' | 'stream' | 'call', { warehouse, sql }: FlinkStatement): object {
  return { mode, warehouse: pathToFileURL(warehouse).href, sql };
}

function classPath(): string {
  const own = readdirSync(join(flinkFolder, 'src')).map(name => join(flinkFolder, 'src', name));
  const sources = [...own, ...['RowPrinter.java', 'Lines.java'].map(name => join(printerFolder, name))];
  return builtClassPath({
    name: 'flink',
    version: flinkVersion,
    pom: join(flinkFolder, 'pom.xml'),
    properties: [`-Dflink.version=${flinkVersion}`],
    sources,
  });
}
