/**
 * Traffic whose every row counts: each adds one to its key and says which it is, so that a row too many, too few or out of order
 * shows in the table. It is compared with what was sent.
 */
import { systemClock } from '../../src/base/clock.ts';
import { type Lake, t } from '../../src/index.ts';

const keyCount = 200;
const rowsATime = 40;
const pauseMs = 50;
const settlePollMs = 100;

export class CountedTraffic implements AsyncDisposable {
  readonly #lake: Lake;
  readonly #tableName: string;
  readonly #running: Promise<void>;
  readonly #stop = new AbortController();
  sent = 0;

  constructor(lake: Lake, tableName: string) {
    this.#lake = lake;
    this.#tableName = tableName;
    this.#running = this.#run();
    this.#running.catch(() => undefined);
  }

  static async start(lake: Lake, tableName: string): Promise<CountedTraffic> {
    await lake.createTable(tableName, {
      columns: { k: t.bigint(), n: t.bigint().nullable(), last: t.bigint().nullable() },
      primaryKey: ['k'],
      options: {
        bucket: 2,
        'merge-engine': 'aggregation',
        'fields.n.aggregate-function': 'sum',
        'fields.last.aggregate-function': 'last_value',
        'num-sorted-run.compaction-trigger': 2,
        'num-sorted-run.stop-trigger': 2,
      },
    });
    return new CountedTraffic(lake, tableName);
  }

  async #run(): Promise<void> {
    const table = await this.#lake.table(this.#tableName);
    await using writer = table.writer();
    while (!this.#stop.signal.aborted) {
      for (let row = 0; row < rowsATime; row += 1) {
        await writer.room();
        void writer.upsert({ k: this.sent % keyCount, n: 1, last: this.sent }).catch(() => undefined);
        this.sent += 1;
      }
      await systemClock.sleep(pauseMs);
    }
    await writer.flush();
  }

  /**
   * Ends the traffic, and waits until the table holds all of it or the time is over.
   *
   * @returns what is wrong; nothing when every row is in the table once and what became of each is known
   */
  async settle(msMax = 150_000): Promise<readonly string[]> {
    this.#stop.abort();
    await this.#running;
    const table = await this.#lake.table(this.#tableName);
    const deadlineMs = systemClock.monotonicMs() + msMax;
    let counters = await table.accounting();
    while (counters.rowsIn - counters.duplicates < BigInt(this.sent) && systemClock.monotonicMs() < deadlineMs) {
      await systemClock.sleep(settlePollMs);
      counters = await table.accounting();
    }
    const { rowsIn, written, mergedAway, deadLettered, duplicates, gaps } = counters;
    const counts: readonly (readonly [string, bigint, bigint])[] = [
      ['rows in that are none twice', rowsIn - duplicates, BigInt(this.sent)],
      ['rows in', rowsIn, written + mergedAway + deadLettered + duplicates],
      ['dead letters', deadLettered, 0n],
      ['gaps', gaps, 0n],
    ];
    const content = await this.#content();
    const wrongKeys = this.#expected().filter((line, key) => content[key] !== line);
    return [
      ...counts.flatMap(([what, found, wanted]) => (found === wanted ? [] : `${what}: ${found} instead of ${wanted}`)),
      ...(content.length === Math.min(keyCount, this.sent) ? [] : [`${content.length} keys`]),
      ...wrongKeys.map(line => `${content[Number(line.split(' ')[0])]} instead of ${line}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running.catch(() => undefined);
  }

  async #content(): Promise<readonly string[]> {
    const sql = `SELECT k, n, \`last\` AS l FROM ${this.#tableName} /*+ OPTIONS('scan.mode'='latest') */ ORDER BY k`;
    const rows = await (await this.#lake.sql<{ k: bigint; n: bigint; l: bigint }>(sql)).rows();
    return rows.map(({ k, n, l }) => `${k} ${n} ${l}`);
  }

  #expected(): readonly string[] {
    return Array.from({ length: Math.min(keyCount, this.sent) }, (_, key) => {
      const count = Math.ceil((this.sent - key) / keyCount);
      return `${key} ${count} ${(count - 1) * keyCount + key}`;
    });
  }
}
