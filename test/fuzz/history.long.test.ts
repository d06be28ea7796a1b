import { expect, test } from 'vitest';
import { type Random, seededRandom, systemRandom } from '../../src/base/random.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { rowsOf } from '../../src/types/column-reader.ts';
import { rowKindOf } from '../../src/types/row-kind.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { equals, type RowChange, type RowTable, rowTable, sorted } from '../row-fixture.ts';
import { below, pick } from './mutate-bytes.ts';

const seed = Number(process.env['TIDELAKE_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31));
const historiesMax = 60;
const stepsMax = 25;
const rowsOfCommitMax = 12;
console.log(`history seed ${seed}; TIDELAKE_SEED=${seed} repeats it`);

type Row = readonly [p: string, k: number, v: string | null];

/** A table as a plain map, or a plain list where it has no key; and what it was at each snapshot. */
class Model {
  readonly isKeyed: boolean;
  readonly states = new Map<number, readonly Row[]>();
  /** Of each snapshot, the last change of each key, as texts; none of a compaction. */
  readonly changes = new Map<number, readonly string[]>();
  #rows: Row[] = [];

  constructor(isKeyed: boolean) {
    this.isKeyed = isKeyed;
  }

  apply(id: number, changes: readonly RowChange[]): void {
    const last = new Map<string, string>();
    for (const [at, [kind, ...row]] of changes.entries()) {
      const [p, k, v] = row;
      if (this.isKeyed) this.#rows = this.#rows.filter(other => other[0] !== p || other[1] !== k);
      if (kind === '+I' || kind === '+U') this.#rows.push([String(p), Number(k), v === null ? null : String(v)]);
      last.set(this.isKeyed ? `${p}/${k}` : `${at}`, [kind, ...row].map(String).join(' '));
    }
    this.changes.set(id, [...last.values()].toSorted());
    this.states.set(id, [...this.#rows]);
  }

  compacted(id: number): void {
    this.changes.set(id, []);
    this.states.set(id, [...this.#rows]);
  }
}

/** Small files and early compactions, so that a short history goes through all levels. */
function settingsOf(random: Random, isKeyed: boolean): Parameters<typeof rowTable>[0] {
  const isPartitioned = random.next() < 0.5;
  return {
    primaryKeys: isKeyed ? (isPartitioned ? ['p', 'k'] : ['k']) : [],
    partitionKeys: isPartitioned ? ['p'] : [],
    options: {
      bucket: isKeyed ? pick(random, ['1', '2']) : '-1',
      'num-sorted-run.compaction-trigger': pick(random, ['1', '2', '3', '5']),
      'num-levels': pick(random, ['2', '3', '5']),
      // With the default, runs this small would nearly always be merged whole.
      'compaction.max-size-amplification-percent': pick(random, ['200', '100000']),
      'target-file-size': pick(random, ['1 kb', '4 kb', '128 mb']),
      'manifest.merge-min-count': pick(random, ['2', '30']),
      'compaction.min.file-num': '2',
      'file.compression': pick(random, ['zstd', 'none', 'snappy', 'lz4', 'gzip']),
    },
  };
}

function someChanges(
  random: Random,
  { isKeyed, isPartitioned }: { isKeyed: boolean; isPartitioned: boolean },
): RowChange[] {
  const kinds = isKeyed ? (['+I', '+I', '+U', '-D', '-U'] as const) : (['+I'] as const);
  return Array.from({ length: 1 + below(random, rowsOfCommitMax) }, (): RowChange => {
    const k = below(random, 16);
    // Without the partition in its key, a row's partition is the key's affair alone.
    const p = isPartitioned ? pick(random, ['a', 'b', '']) : `p${k % 3}`;
    return [pick(random, kinds), p === '' ? 'c d' : p, k, random.next() < 0.1 ? null : `v${below(random, 6)}`];
  });
}

async function changesOf(rows: RowTable, id: number): Promise<readonly string[]> {
  const table = await rows.open();
  const lines: string[] = [];
  for await (const batch of readChanges(table, await changeSourceOf(table, id))) {
    for (const [row, values] of rowsOf(batch.rows).entries()) {
      lines.push([rowKindOf(batch.kinds[row] ?? 0), ...values].map(String).join(' '));
    }
  }
  return lines.toSorted();
}

async function headOf(rows: RowTable): Promise<number> {
  return (await latestSnapshot(await rows.open()))?.id ?? 0;
}

async function step(rows: RowTable, model: Model, random: Random): Promise<void> {
  const before = await headOf(rows);
  if (random.next() < 0.3) {
    await rows.compact({ isFull: random.next() < 0.4 });
    for (let id = before + 1; id <= (await headOf(rows)); id += 1) model.compacted(id);
    return;
  }
  const isPartitioned = rows.table.schema.partitionKeys.length > 0;
  const changes = someChanges(random, { isKeyed: model.isKeyed, isPartitioned });
  await rows.change(changes);
  expect(await headOf(rows)).toBe(before + 1);
  model.apply(before + 1, changes);
}

async function checkSnapshot(rows: RowTable, model: Model, id: number): Promise<void> {
  const state: readonly (readonly Scalar[])[] = model.states.get(id) ?? [];
  expect(await rows.rows({ snapshotId: id })).toEqual(sorted(state));
  for (const [column, value, at] of [
    ['v', 'v1', 2],
    ['k', 3, 1],
  ] as const) {
    const found = await rows.rows({ snapshotId: id, predicate: equals(column, value) });
    expect(found).toEqual(sorted(state.filter(row => row[at] === value)));
  }
  expect(await changesOf(rows, id)).toEqual(model.changes.get(id));
}

test.each([true, false])(
  'at every snapshot of a random history the table is what the model was (keys: %s)',
  async isKeyed => {
    let snapshots = 0;
    for (let history = 0; history < historiesMax; history += 1) {
      const random = seededRandom(Math.imul(seed, 31) + history * 2 + (isKeyed ? 1 : 0));
      const rows = await rowTable(settingsOf(random, isKeyed));
      const model = new Model(isKeyed);
      const steps = 1 + below(random, stepsMax);
      for (let at = 0; at < steps; at += 1) await step(rows, model, random);
      for (const id of model.states.keys()) {
        await checkSnapshot(rows, model, id).catch(cause => {
          throw new Error(`seed ${seed}, history ${history}, snapshot ${id}: ${String(cause)}`, { cause });
        });
        snapshots += 1;
      }
    }
    console.log(`${historiesMax} histories, ${snapshots} snapshots`);
    expect(snapshots).toBeGreaterThan(historiesMax);
  },
);
