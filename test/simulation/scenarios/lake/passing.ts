/**
 * A table on the same log that is dropped and made again under its name. What was sent to the one never shows in the other,
 * whoever slept through the drop, and what the last one was sent is in it in the end.
 */
import { isLakeError } from '../../../../src/base/errors.ts';
import { createTable } from '../../../../src/catalog/catalog.ts';
import { dropTable } from '../../../../src/catalog/drop-table.ts';
import { Producer } from '../../../../src/flow/producer.ts';
import { readPlan } from '../../../../src/table/read/read-split.ts';
import { planScan } from '../../../../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import type { SimProcess } from '../../process.ts';
import { definitionOf, identifierOf, type LakeBench, passingName } from './bench.ts';
import { rowsIn } from './readers.ts';

const dropShare = 0.4;
const rowsOfBatchMax = 4;

export class PassingTable {
  readonly #bench: LakeBench;
  /** By table id. */
  readonly #sent = new Map<string, Set<number>>();
  readonly #acknowledged = new Map<string, Set<number>>();
  #keys = 0;

  constructor(bench: LakeBench) {
    this.#bench = bench;
  }

  /** Makes it, writes to it, drops it, over and over; in the end it stays. */
  run(): Promise<void> {
    const { world } = this.#bench;
    return world.supervise('passing', async process => {
      while (!this.#bench.isOver) {
        await this.#bench.pause(process, 6);
        const parts = world.parts(process);
        const identifier = identifierOf(passingName);
        await createTable(parts, identifier, definitionOf(passingName, this.#bench.settings), { ifNotExists: true });
        // A drop that this process's forerunner began may end only now.
        await this.#unlessGone(async () => {
          const table = await this.#bench.open(process, passingName);
          await this.#write(process, table);
          await this.#read(table);
        });
        if (process.random.next() >= dropShare) continue;
        await dropTable(parts, identifier, { ifExists: true });
        this.#bench.count('tables dropped');
      }
    });
  }

  /** Reads it every now and then, knowing nothing of what becomes of it. */
  watch(): Promise<void> {
    return this.#bench.world.supervise('passing-reader', async process => {
      while (!this.#bench.isStopped) {
        await this.#bench.pause(process, 4);
        await this.#unlessGone(async () => this.#read(await this.#bench.open(process, passingName)));
      }
    });
  }

  /** @returns undefined: a reader was told that there is no such table, or no longer */
  async #unlessGone<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#bench.count('tables gone while they were read');
      return undefined;
    }
  }

  /** Whether all that the table of now was sent is in it. */
  async isComplete(): Promise<boolean> {
    return (await this.#unlessGone(() => this.#hasAll())) ?? true;
  }

  async #hasAll(): Promise<boolean> {
    const table = await this.#bench.openRaw(passingName);
    const rows = await this.#read(table);
    return [...(this.#acknowledged.get(table.id ?? '') ?? [])].every(key => rows.has(key));
  }

  async #write(process: SimProcess, table: Table): Promise<void> {
    const { id: tableId = '', label: tableName, schema } = table;
    const parts = { ...this.#bench.world.parts(process), log: this.#bench.logStore(process) };
    const producer = new Producer(parts, { tableId, tableName, schema });
    const count = 1 + Math.floor(process.random.next() * rowsOfBatchMax);
    const keys = Array.from({ length: count }, () => (this.#keys += 1));
    const [sent, acknowledged] = [setOf(this.#sent, tableId), setOf(this.#acknowledged, tableId)];
    for (const key of keys) sent.add(key);
    const rows = keys.map(key => [BigInt(key), `v${key}`, key]);
    await producer.append(buildBatch({ fields: schema.fields }, rows), new Int8Array(count));
    for (const key of keys) acknowledged.add(key);
  }

  async #read(table: Table): Promise<ReadonlySet<number>> {
    const { world } = this.#bench;
    const plan = await planScan(table, await latestSnapshot(table));
    const rows = await rowsIn(readPlan(table, plan, { columns: ['k', 'n'] }));
    const keys = new Set(rows.map(([key]) => key));
    world.check(keys.size === rows.length, () => `${passingName}: ${rows.length - keys.size} rows came twice`);
    const sent = this.#sent.get(table.id ?? '');
    for (const key of keys) {
      world.check(sent?.has(key) === true, () => `${passingName} has row ${key} of a table that was there before it`);
    }
    return keys;
  }
}

function setOf(sets: Map<string, Set<number>>, id: string): Set<number> {
  const set = sets.get(id) ?? new Set();
  sets.set(id, set);
  return set;
}

/** What a reader may be told of a table that is dropped under it. */
function isGone(error: unknown): boolean {
  return ['LAKE_TABLE_NOT_FOUND', 'LAKE_SNAPSHOT_EXPIRED', 'LAKE_SCHEMA_MISSING'].some(
    code => isLakeError(error) && error.code === code,
  );
}
