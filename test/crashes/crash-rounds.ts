/**
 * The crash test: MinIO, a Kinesis emulator, producers, ingest workers, a compactor and a reader as processes of their own.
 * Each round kills some of them with SIGKILL at random moments, MinIO included, and ends with an exact check of what the
 * tables hold against what the producers noted. The reader checks all the time.
 *
 * The emulator is not killed: it keeps its stream in memory and promises nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Lake, openLake } from '../../src/index.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { openTable } from '../../src/table/table.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';
import { checkEventCounts, checkEventRows, checkFlightRows, checkFlightVersions, Faults } from './check-rows.ts';
import { type Kill, killPlan, type Round, type Victim, victims } from './kill-plan.ts';
import { ManagedProcess } from './managed-process.ts';
import { readNotes } from './notes.ts';
import { type CrashTables, createTables } from './tables.ts';
import type { ProcessLine } from './until-told.ts';
import { TableVerifier } from './verify-table.ts';

export type CrashOptions = {
  readonly rounds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
};

export type CrashSummary = {
  readonly seed: number;
  readonly rounds: number;
  readonly kills: Readonly<Record<Victim, number>>;
  /** Of all runs of the producers; each goes to both tables. */
  readonly changesSent: number;
  readonly changesAcknowledged: number;
  readonly producerRuns: number;
  readonly commits: number;
  readonly compactions: number;
  readonly snapshots: number;
  readonly filesDecoded: number;
  /** Whole reads of the reader that held; reads and tasks that the dead store refused. */
  readonly readsChecked: number;
  readonly rowsRead: number;
  readonly refusedWhileAway: number;
  readonly elapsedMs: number;
  readonly verdict: 'holds' | 'FAILS';
  readonly faults: readonly string[];
};

const producers = [1, 2] as const;
const drainTriesMax = 5;

export async function runCrashRounds({ rounds, seed, say }: CrashOptions): Promise<CrashSummary> {
  const startedMs = systemClock.monotonicMs();
  await using cleaning = new AsyncDisposableStack();
  const notesFolder = await mkdtemp(join(tmpdir(), 'tidelake-notes-'));
  cleaning.defer(() => rm(notesFolder, { recursive: true, force: true }));
  const minio = cleaning.use(await startMinio());
  const kinesis = cleaning.use(await startKinesalite());
  await kinesis.createStream('crash', 2);
  const settings = settingsOf(minio, kinesis);
  const lake = cleaning.use(await openLake(settings));
  const tables = await createTables(lake);
  const crew = cleaning.use(new Crew({ settings, notesFolder, minio, say }));
  const checker = await Checker.open({ settings, notesFolder, tables, faults: crew.faults });
  cleaning.use(checker);

  for (const [index, round] of killPlan(seed, rounds).entries()) {
    await crew.run(round);
    await checker.checkNow();
    const { acknowledged } = await checker.sums();
    const kills = round.kills.map(kill => `${kill.atMs} ms ${kill.victims.join('+')}`).join(', ');
    say(`round ${index + 1}: ${kills}; producers ${round.producersEnd}; ${acknowledged} changes acknowledged`);
    if (crew.faults.count > 0) break;
  }
  await crew.stopAll();
  if (crew.faults.count === 0) await checker.checkDrained(lake);
  const walked = await checker.figures();
  const { sent, acknowledged, runs } = await checker.sums();
  return {
    seed,
    rounds,
    kills: crew.kills,
    changesSent: sent,
    changesAcknowledged: acknowledged,
    producerRuns: runs,
    ...crew.figures,
    ...walked,
    elapsedMs: Math.round(systemClock.monotonicMs() - startedMs),
    verdict: crew.faults.count === 0 ? 'holds' : 'FAILS',
    faults: crew.faults.texts,
  };
}

function settingsOf(minio: S3Service, kinesis: Awaited<ReturnType<typeof startKinesalite>>): LakeSettings {
  return {
    warehouse: `s3://${minio.bucket}/lake`,
    log: 'kinesis://crash',
    s3: { endpoint: minio.endpoint, region: minio.region, ...keysOf(minio) },
    kinesis: { endpoint: kinesis.endpoint, region: kinesis.region, ...keysOf(kinesis) },
    ingest: { commitIntervalMs: 400 },
    compaction: { intervalMs: 700 },
    maintenance: { intervalMs: 2_000 },
  };
}

/** The SDK marks the credentials that it is given; settings take nothing but the keys. */
function keysOf({ credentials: { accessKeyId, secretAccessKey } }: Pick<S3Service, 'credentials'>): {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
} {
  return { accessKeyId, secretAccessKey };
}

type CrewParts = {
  readonly settings: LakeSettings;
  readonly notesFolder: string;
  readonly minio: S3Service;
  readonly say: (line: string) => void;
};

/** All that runs beside this process, and what it said. */
class Crew implements AsyncDisposable {
  readonly #minio: S3Service;
  readonly #processes: ReadonlyMap<Victim | 'reader', ManagedProcess>;
  readonly faults: Faults = new Faults();
  readonly kills: Record<Victim, number> = {
    'producer-1': 0,
    'producer-2': 0,
    'ingest-1': 0,
    'ingest-2': 0,
    compactor: 0,
    minio: 0,
  };
  readonly figures = { commits: 0, compactions: 0, readsChecked: 0, rowsRead: 0, refusedWhileAway: 0 };

  constructor({ settings, notesFolder, minio, say }: CrewParts) {
    this.#minio = minio;
    const onLine = (name: string) => (line: ProcessLine) => {
      if (line.kind === 'fault') say(`${name}: ${line.text}`);
      this.#take(name, line);
    };
    const process = (name: string, script: string, nextTask: () => object): ManagedProcess =>
      new ManagedProcess({ name, script, nextTask, onLine: onLine(name) });
    const producer = (number: number): ManagedProcess => {
      let run = 0;
      return process(`producer-${number}`, './producer-process.ts', () => {
        run += 1;
        return { settings, notesFolder, producer: number, run };
      });
    };
    const worker = (name: string, role: string): ManagedProcess =>
      process(name, './worker-process.ts', () => ({ settings, role }));
    this.#processes = new Map<Victim | 'reader', ManagedProcess>([
      ['producer-1', producer(producers[0])],
      ['producer-2', producer(producers[1])],
      ['ingest-1', worker('ingest-1', 'ingest')],
      ['ingest-2', worker('ingest-2', 'ingest')],
      ['compactor', worker('compactor', 'compactor')],
      ['reader', process('reader', './reader-process.ts', () => ({ settings, notesFolder }))],
    ]);
  }

  /** When it resolves the producers have ended; everything else runs, MinIO surely. */
  async run(round: Round): Promise<void> {
    for (const process of this.#processes.values()) process.start();
    // A producer that never came to send anything would make a round of nothing.
    await Promise.all(this.#processes.values().map(process => process.ready()));
    const ends = systemClock.sleep(round.durationMs);
    await Promise.all(round.kills.map(kill => this.#kill(kill)));
    await ends;
    const ending = victims.filter(name => name.startsWith('producer')).map(name => this.#processes.get(name));
    await Promise.all(ending.map(process => (round.producersEnd === 'killed' ? process?.kill() : process?.stop())));
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#processes.values().map(process => process.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.values().map(process => process.kill()));
  }

  async #kill({ atMs, victims: killed, deadMs }: Kill): Promise<void> {
    await systemClock.sleep(atMs);
    for (const name of killed) this.kills[name] += 1;
    await Promise.all(killed.map(name => (name === 'minio' ? this.#minio.crash() : this.#processes.get(name)?.kill())));
    await systemClock.sleep(deadMs);
    for (const name of killed) if (name !== 'minio') this.#processes.get(name)?.start();
    if (killed.includes('minio')) await this.#minio.restart();
  }

  #take(name: string, line: ProcessLine): void {
    const { figures } = this;
    switch (line.kind) {
      case 'commit':
        figures.commits += 1;
        break;
      case 'compacted':
        figures.compactions += 1;
        break;
      case 'read':
        figures.readsChecked += 1;
        figures.rowsRead += line.rows;
        break;
      case 'unavailable':
        figures.refusedWhileAway += 1;
        break;
      case 'fault':
        this.faults.add(`${name}: ${line.text}`);
        break;
      default:
    }
  }
}

type CheckerParts = {
  readonly settings: LakeSettings;
  readonly notesFolder: string;
  readonly tables: CrashTables;
  readonly faults: Faults;
};

/** Exact checks while no producer runs. */
export class Checker implements AsyncDisposable {
  readonly #parts: CheckerParts;
  readonly #store: Awaited<ReturnType<typeof openObjectStore>>;
  #verifiers: readonly TableVerifier[] = [];

  constructor(parts: CheckerParts, store: Awaited<ReturnType<typeof openObjectStore>>) {
    this.#parts = parts;
    this.#store = store;
  }

  static async open(parts: CheckerParts): Promise<Checker> {
    const { warehouse, s3 } = parts.settings;
    const { accessKeyId = '', secretAccessKey = '', endpoint } = s3 ?? {};
    const store = await openObjectStore(
      warehouse,
      { s3: { endpoint, credentials: { accessKeyId, secretAccessKey } } },
      { clock: systemClock, random: systemRandom },
    );
    const checker = new Checker(parts, store);
    await checker.#forget();
    return checker;
  }

  /** A union read of each table has exactly what was acknowledged, and perhaps what was sent. Then the walk. */
  async checkNow(): Promise<void> {
    await this.#checkRows({ union: true });
    for (const verifier of this.#verifiers) await verifier.verify(this.#parts.faults);
  }

  /** The same of the snapshots alone, when all of the log is in them, and again after everything was merged. */
  async checkDrained(lake: Lake): Promise<void> {
    const { tables, faults } = this.#parts;
    for (let tries = 0; tries < drainTriesMax; tries += 1) if ((await lake.ingest()).rowCount === 0) break;
    await this.#checkRows({ union: false });
    for (const table of [tables.events, tables.flights]) {
      const c = await table.accounting();
      if (c.rowsIn !== c.written + c.mergedAway + c.deadLettered + c.duplicates) {
        faults.add(`${table.name}: the accounting does not add up: ${describe(c)}`);
      }
      if (c.gaps > 0n || c.deadLettered > 0n) faults.add(`${table.name}: ${describe(c)}`);
      await table.compact({ full: true });
    }
    const c = await tables.events.accounting();
    const eventCount = BigInt(await tables.events.scan().count());
    if (c.rowsIn - c.duplicates !== eventCount) faults.add(`crash.events has ${eventCount} rows, ${describe(c)}`);
    await this.#checkRows({ union: false });
    // From the beginning, with nothing remembered: what was decoded long ago must still be there.
    await this.#forget();
    for (const verifier of this.#verifiers) await verifier.verify(faults);
  }

  async figures(): Promise<{ readonly snapshots: number; readonly filesDecoded: number }> {
    const figures = await Promise.all(this.#verifiers.map(verifier => verifier.verify(this.#parts.faults)));
    return {
      snapshots: figures.reduce((sum, { snapshots }) => sum + snapshots, 0),
      filesDecoded: figures.reduce((sum, { files }) => sum + files, 0),
    };
  }

  async sums(): Promise<{ readonly sent: number; readonly acknowledged: number; readonly runs: number }> {
    const notes = await readNotes(this.#parts.notesFolder);
    return {
      sent: notes.reduce((sum, { sentCount }) => sum + sentCount, 0),
      acknowledged: notes.reduce((sum, { acknowledged }) => sum + acknowledged.events.size, 0),
      runs: notes.length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  async #checkRows(read: { readonly union: boolean }): Promise<void> {
    const { tables, faults, notesFolder } = this.#parts;
    const notes = await readNotes(notesFolder);
    checkEventCounts(checkEventRows(await tables.events.scan(read).rows(), faults), notes, faults);
    checkFlightVersions(checkFlightRows(await tables.flights.scan(read).rows(), faults), notes, faults);
  }

  async #forget(): Promise<void> {
    const parts = { clock: systemClock, random: systemRandom };
    const open = async (name: string): Promise<TableVerifier> =>
      new TableVerifier(await openTable(this.#store, { database: 'crash', name }, parts));
    this.#verifiers = [await open('events'), await open('flights')];
  }
}

function describe(counters: object): string {
  return Object.entries(counters)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
