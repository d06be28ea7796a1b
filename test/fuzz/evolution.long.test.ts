import { expect, test } from 'vitest';
import { type Random, seededRandom, systemRandom } from '../../src/base/random.ts';
import { alterTable } from '../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../src/catalog/identifier.ts';
import type { SchemaChange } from '../../src/catalog/schema-change.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { latestSnapshot, snapshotById } from '../../src/table/snapshots.ts';
import { rowsOf } from '../../src/types/column-reader.ts';
import type { DataType } from '../../src/types/data-type.ts';
import { rowKindOf } from '../../src/types/row-kind.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { equals, int, type RowChange, type RowTable, rowTable, sorted, text } from '../row-fixture.ts';
import { below, pick } from './mutate-bytes.ts';

// Random histories in which the schema changes: whatever files of whatever schemas there are, each read shows what a plain
// model does, in which a column is a number that no other column ever gets.

const seed = Number(process.env['TIDELAKE_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31));
const historiesMax = 60;
const stepsMax = 25;
const rowsOfCommitMax = 10;
const keysMax = 12;
console.log(`evolution seed ${seed}; TIDELAKE_SEED=${seed} repeats it`);

const name = parseIdentifier('d.t');
const bigint: DataType = { kind: 'bigint', nullable: true };
const types = { int, bigint, text } as const;

type Column = { readonly id: number; readonly name: string; readonly type: keyof typeof types };
/** By the column's id; what is not there is null. Numbers whatever the column's width. */
type Row = ReadonlyMap<number, number | string>;
type Change = { readonly kind: RowChange[0]; readonly row: Row };
type State = {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly changes: readonly Change[];
};

const keyColumn: Column = { id: 0, name: 'k', type: 'int' };

class Model {
  readonly isKeyed: boolean;
  readonly states = new Map<number, State>();
  columns: readonly Column[] = [keyColumn, { id: 1, name: 'v', type: 'text' }, { id: 2, name: 'n', type: 'int' }];
  #columnCount = 3;
  #rows: readonly Row[] = [];

  constructor(isKeyed: boolean) {
    this.isKeyed = isKeyed;
  }

  newColumn(random: Random): Column {
    this.#columnCount += 1;
    const used = new Set(this.columns.map(column => column.name));
    // Few names, so that one that was dropped comes again soon, as another column.
    const names = ['v', 'n', 'a', 'b', 'c', 'd', 'e'].filter(candidate => !used.has(candidate));
    return { id: this.#columnCount, name: pick(random, names), type: pick(random, ['int', 'bigint', 'text'] as const) };
  }

  apply(id: number, changes: readonly Change[]): void {
    const last = new Map<unknown, Change>();
    let rows = [...this.#rows];
    for (const change of changes) {
      const key = change.row.get(keyColumn.id);
      if (this.isKeyed) rows = rows.filter(row => row.get(keyColumn.id) !== key);
      if (change.kind === '+I' || change.kind === '+U') rows.push(change.row);
      last.set(this.isKeyed ? key : change, change);
    }
    this.#rows = rows;
    this.#keep(id, [...last.values()]);
  }

  compacted(id: number): void {
    this.#keep(id, []);
  }

  #keep(id: number, changes: readonly Change[]): void {
    this.states.set(id, { columns: this.columns, rows: this.#rows, changes });
  }
}

function shown(columns: readonly Column[], row: Row): Scalar[] {
  return columns.map(({ id, type }) => {
    const value = row.get(id) ?? null;
    return type === 'bigint' && typeof value === 'number' ? BigInt(value) : value;
  });
}

function someValue(random: Random, { type }: Column): number | string {
  return type === 'text' ? `v${below(random, 6)}` : below(random, 6);
}

function someChanges(random: Random, { columns, isKeyed }: Model): Change[] {
  const kinds = isKeyed ? (['+I', '+I', '+U', '-D'] as const) : (['+I'] as const);
  return Array.from({ length: 1 + below(random, rowsOfCommitMax) }, (): Change => {
    const row = new Map<number, number | string>([[keyColumn.id, below(random, keysMax)]]);
    for (const column of columns) {
      if (column !== keyColumn && random.next() < 0.8) row.set(column.id, someValue(random, column));
    }
    return { kind: pick(random, kinds), row };
  });
}

type Altered = { readonly change: SchemaChange; readonly columns: readonly Column[] };

function someAlteration(random: Random, model: Model): Altered | undefined {
  const { columns } = model;
  const others = columns.filter(column => column !== keyColumn);
  const column = others.length === 0 ? undefined : pick(random, others);
  const replaced = (by: Column): Column[] => columns.map(other => (other === column ? by : other));
  const kind = pick(random, ['add', 'drop', 'rename', 'widen', 'move'] as const);
  if (kind === 'add') {
    if (others.length >= 5) return undefined;
    const added = model.newColumn(random);
    const after = pick(random, columns);
    const position = pick(random, [
      { kind: 'last' },
      { kind: 'first' },
      { kind: 'after', column: after.name },
    ] as const);
    return {
      change: { kind: 'add-column', name: added.name, type: types[added.type], position },
      columns: placed(columns, added, position),
    };
  }
  if (column === undefined) return undefined;
  switch (kind) {
    case 'drop':
      return {
        change: { kind: 'drop-column', name: column.name },
        columns: columns.filter(other => other !== column),
      };
    case 'rename': {
      const newName = model.newColumn(random).name;
      const change: SchemaChange = { kind: 'rename-column', name: column.name, newName };
      return { change, columns: replaced({ ...column, name: newName }) };
    }
    case 'widen':
      if (column.type !== 'int') return undefined;
      return {
        change: { kind: 'change-type', name: column.name, type: bigint },
        columns: replaced({ ...column, type: 'bigint' }),
      };
    case 'move': {
      const position = pick(random, [{ kind: 'last' }, { kind: 'first' }] as const);
      return {
        change: { kind: 'move-column', name: column.name, position },
        columns: placed(
          columns.filter(other => other !== column),
          column,
          position,
        ),
      };
    }
  }
}

type Place = { readonly kind: 'first' | 'last' } | { readonly kind: 'after'; readonly column: string };

function placed(columns: readonly Column[], column: Column, position: Place): Column[] {
  if (position.kind !== 'after') return position.kind === 'first' ? [column, ...columns] : [...columns, column];
  const { column: before } = position;
  const index = columns.findIndex(other => other.name === before) + 1;
  return [...columns.slice(0, index), column, ...columns.slice(index)];
}

async function headOf(rows: RowTable): Promise<number> {
  return (await latestSnapshot(await rows.open()))?.id ?? 0;
}

async function step(rows: RowTable, model: Model, random: Random): Promise<void> {
  const deed = random.next();
  const before = await headOf(rows);
  if (deed < 0.3) {
    const altered = someAlteration(random, model);
    if (altered === undefined) return;
    await alterTable(rows, name, [altered.change]);
    model.columns = altered.columns;
  } else if (deed < 0.5) {
    await rows.compact({ isFull: random.next() < 0.4 });
    for (let id = before + 1; id <= (await headOf(rows)); id += 1) model.compacted(id);
  } else {
    const changes = someChanges(random, model);
    await rows.change(changes.map(({ kind, row }) => [kind, ...shown(model.columns, row)]));
    expect(await headOf(rows)).toBe(before + 1);
    model.apply(before + 1, changes);
  }
}

/** Under the schema of its time and under the newest, whole and filtered; and what it changed, under the newest. */
async function checkSnapshot(rows: RowTable, model: Model, id: number, random: Random): Promise<void> {
  const { columns, rows: state, changes } = model.states.get(id) ?? { columns: [], rows: [], changes: [] };
  const table = await rows.open();
  const ownSchema = await table.schemas.get((await snapshotById(table, id)).schemaId);
  const views = [
    { schema: undefined, columns: model.columns },
    { schema: ownSchema, columns },
  ];
  for (const view of views) {
    const all = state.map(row => shown(view.columns, row));
    expect(await rows.rows({ snapshotId: id, schema: view.schema })).toEqual(sorted(all));
    const column = pick(random, view.columns);
    const at = view.columns.indexOf(column);
    const value = shown([column], new Map([[column.id, someValue(random, column)]]))[0] ?? null;
    const found = await rows.rows({ snapshotId: id, schema: view.schema, predicate: equals(column.name, value) });
    expect(found).toEqual(sorted(all.filter(row => row[at] === value)));
  }
  const lines: string[] = [];
  for await (const batch of readChanges(table, await changeSourceOf(table, id))) {
    for (const [row, values] of rowsOf(batch.rows).entries()) {
      lines.push([rowKindOf(batch.kinds[row] ?? 0), ...values].map(String).join(' '));
    }
  }
  const expected = changes.map(({ kind, row }) => [kind, ...shown(model.columns, row)].map(String).join(' '));
  expect(lines.toSorted()).toEqual(expected.toSorted());
}

function settingsOf(random: Random, isKeyed: boolean): Parameters<typeof rowTable>[0] {
  return {
    columns: [
      { name: 'k', type: int },
      { name: 'v', type: text },
      { name: 'n', type: int },
    ],
    primaryKeys: isKeyed ? ['k'] : [],
    options: {
      bucket: isKeyed ? pick(random, ['1', '2']) : '-1',
      'num-sorted-run.compaction-trigger': pick(random, ['2', '3', '5']),
      'target-file-size': pick(random, ['1 kb', '128 mb']),
      'metadata.stats-mode': pick(random, ['truncate(16)', 'full', 'counts', 'none']),
      'compaction.min.file-num': '2',
    },
  };
}

test.each([true, false])(
  'at every snapshot of a random history of changing schemas the table is what the model was (keys: %s)',
  async isKeyed => {
    let [snapshots, schemas] = [0, 0];
    for (let history = 0; history < historiesMax; history += 1) {
      const random = seededRandom(Math.imul(seed, 31) + history * 2 + (isKeyed ? 1 : 0));
      const rows = await rowTable(settingsOf(random, isKeyed));
      const model = new Model(isKeyed);
      const steps = 1 + below(random, stepsMax);
      try {
        for (let at = 0; at < steps; at += 1) await step(rows, model, random);
        for (const id of model.states.keys()) await checkSnapshot(rows, model, id, random);
      } catch (cause) {
        throw new Error(`seed ${seed}, history ${history}: ${String(cause)}`, { cause });
      }
      snapshots += model.states.size;
      schemas += (await rows.open()).schema.id;
    }
    console.log(`${historiesMax} histories, ${snapshots} snapshots, ${schemas} changes of schemas`);
    expect(Math.min(snapshots, schemas)).toBeGreaterThan(historiesMax);
  },
);
