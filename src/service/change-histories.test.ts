/** Random histories of statements that change rows, with compactions and rollbacks, beside a model of a few lines. */
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../base/random.ts';
import { openLake } from '../index.ts';

type Row = { readonly k: number; readonly v: number | null };
type Model = readonly Row[];
type Step = { readonly sql: string; readonly next: (rows: Model) => Model };

const keysMax = 12;
const stepCount = 14;
const pick = (random: Random, count: number): number => Math.floor(random.next() * count);

/** @param states the rows of each snapshot that can be gone back to, by its number */
function stepOf(random: Random, isKeyed: boolean, states: ReadonlyMap<number, Model>): Step {
  const [k, other, v] = [pick(random, keysMax), pick(random, keysMax), pick(random, 5)];
  const [low, high] = [Math.min(k, other), Math.max(k, other)];
  switch (pick(random, 8)) {
    case 0:
      return insertion(
        [...new Set([k, other])].map(key => ({ k: key, v })),
        isKeyed,
      );
    case 1:
      return {
        sql: `DELETE FROM t WHERE k BETWEEN ${low} AND ${high} AND v = ${v}`,
        next: rows => rows.filter(row => row.k < low || row.k > high || row.v !== v),
      };
    case 2: {
      const changed = (old: number | null): number | null => (old === null ? v : old > 2 ? null : old + 1);
      return {
        sql: `UPDATE t SET v = CASE WHEN v IS NULL THEN ${v} WHEN v > 2 THEN NULL ELSE v + 1 END WHERE k >= ${k}`,
        next: rows => rows.map(row => (row.k < k ? row : { k: row.k, v: changed(row.v) })),
      };
    }
    case 3:
      return merge(
        new Map([
          [low, v],
          [high + 1, v + 1],
        ]),
      );
    case 4:
      return {
        sql: `INSERT OVERWRITE t SELECT k, v FROM t WHERE k <> ${k}`,
        next: rows => rows.filter(row => row.k !== k),
      };
    case 5: {
      const id = [...states.keys()][pick(random, states.size)];
      if (id === undefined) return { sql: 'SELECT 1', next: rows => rows };
      return { sql: `CALL sys.rollback_to('t', ${id})`, next: rows => states.get(id) ?? rows };
    }
    case 6:
      return {
        sql: 'DELETE FROM t WHERE k IN (SELECT max(k) FROM t)',
        next: rows => rows.filter(row => row.k !== Math.max(...rows.map(each => each.k))),
      };
    default:
      return { sql: "CALL sys.compact('t')", next: rows => rows };
  }
}

function insertion(added: Model, isKeyed: boolean): Step {
  const keys = new Set(added.map(({ k }) => k));
  return {
    sql: `INSERT INTO t VALUES ${added.map(row => `(${row.k}, ${row.v})`).join(', ')}`,
    next: rows => [...rows.filter(({ k }) => !isKeyed || !keys.has(k)), ...added],
  };
}

function merge(source: ReadonlyMap<number, number>): Step {
  const values = [...source].map(([k, v]) => `(${k}, ${v})`).join(', ');
  return {
    sql: `MERGE INTO t USING (VALUES ${values}) AS s(k, v) ON t.k = s.k
      WHEN MATCHED AND t.v = s.v THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *`,
    next(rows) {
      const kept = rows.flatMap(row => {
        const given = source.get(row.k);
        if (given === undefined) return [row];
        return row.v === given ? [] : [{ k: row.k, v: given }];
      });
      const there = new Set(rows.map(({ k }) => k));
      const added = [...source].filter(([k]) => !there.has(k)).map(([k, v]) => ({ k, v }));
      return [...kept, ...added];
    },
  };
}

const sorted = (rows: Model): readonly string[] => rows.map(({ k, v }) => `${k} ${v}`).toSorted();

const tables: readonly (readonly [ddl: string, isKeyed: boolean])[] = [
  ["CREATE TABLE t (k INT NOT NULL, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2')", true],
  ['CREATE TABLE t (k INT, v INT)', false],
  ["CREATE TABLE t (k INT, v INT) WITH ('bucket' = '2', 'bucket-key' = 'k')", false],
  ["CREATE TABLE t (k INT, v INT) WITH ('deletion-vectors.enabled' = 'true')", false],
  ["CREATE TABLE t (k INT NOT NULL, v INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-1')", true],
];

test.each([1, 2])('whatever is done in whatever order, the rows are those of the model (seed %i)', async seed => {
  for (const [ddl, isKeyed] of tables) {
    const random = seededRandom(seed);
    // Tables with index files are not rolled back.
    const hasIndex = /vectors|-1/.test(ddl);
    await using lake = await openLake({ warehouse: `memory:histories-${seed}-${ddl.length}` });
    await lake.sql(`CREATE DATABASE d; USE d; ${ddl}`);
    const states = new Map<number, Model>();
    let model: Model = [];
    const history: string[] = [];
    for (let turn = 0; turn < stepCount; turn += 1) {
      const { sql, next } = stepOf(random, isKeyed, hasIndex ? new Map() : states);
      history.push(sql);
      await (await lake.sql(sql)).rows();
      model = next(model);
      const rows = await (await lake.sql<Row>('SELECT k, v FROM t')).rows();
      expect(sorted(rows), history.join('\n')).toEqual(sorted(model));
      const [head] = await (
        await lake.sql<{ id: bigint | null }>('SELECT max(snapshot_id) AS id FROM `t$snapshots`')
      ).rows();
      if (head?.id !== null && head?.id !== undefined) states.set(Number(head.id), model);
    }
    for (const [id, rows] of states) {
      const then = await (
        await lake.sql<Row>(`SELECT k, v FROM t /*+ OPTIONS('scan.snapshot-id' = '${id}') */`)
      ).rows();
      expect(sorted(then), `snapshot ${id}`).toEqual(sorted(rows));
    }
  }
});
