// Another reader of the dialect as a judge: what dt-sql-parser's Flink grammar takes, ours must take too, and where
// both can judge, they must agree on what is wrong. Its known refusals of valid Flink are left out.
import { FlinkSQL } from 'dt-sql-parser';
import { expect, test } from 'vitest';
import { parseStatements } from './parse-statement.ts';

const valid: readonly string[] = [
  "CREATE TABLE t (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('bucket' = '1')",
  "CREATE TABLE IF NOT EXISTS d.t (a BIGINT NOT NULL COMMENT 'x') COMMENT 'y' PARTITIONED BY (a) WITH ('k'='v')",
  "CREATE TABLE t (a DECIMAL(10, 2), b TIMESTAMP(3), c TIMESTAMP_LTZ(3), d VARCHAR(5), e BYTES) WITH ('k'='v')",
  "CREATE TABLE t (a ARRAY<INT>, b MAP<STRING, INT>, c ROW<x INT, y STRING>) WITH ('k'='v')",
  'DROP TABLE IF EXISTS d.t',
  'DROP DATABASE IF EXISTS d CASCADE',
  "ALTER TABLE t SET ('a' = 'b')",
  'ALTER TABLE t RENAME a TO b',
  'SHOW DATABASES',
  'SHOW TABLES',
  'SHOW CREATE TABLE t',
  'DESCRIBE t',
  'USE d',
  "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
  'INSERT INTO t SELECT * FROM u',
  "SELECT * FROM t /*+ OPTIONS('scan.snapshot-id'='3') */ WHERE a > 1",
  "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01 00:00:00'",
  'WITH x AS (SELECT 1 AS a) SELECT * FROM x',
];

const wrong: readonly string[] = [
  "CREATE TABLE t (a INT, ) WITH ('k'='v')",
  "CREATE TABLE (a INT) WITH ('k'='v')",
  "CREATE TABLE t (a) WITH ('k'='v')",
  "CREATE TABLE t (a INT WITH ('k'='v')",
  'DROP TABLE',
  'INSERT INTO VALUES (1)',
  'SHOW TABLE',
  'ALTER TABLE t SET',
];

test('every statement the other grammar takes is taken', () => {
  const oracle = new FlinkSQL();
  for (const sql of valid) {
    expect(oracle.validate(`${sql};`), sql).toEqual([]);
    expect(parseStatements(sql), sql).toHaveLength(1);
  }
});

test('what both can judge to be wrong is refused by both', () => {
  const oracle = new FlinkSQL();
  for (const sql of wrong) {
    expect(oracle.validate(`${sql};`), sql).not.toEqual([]);
    expect(() => parseStatements(sql), sql).toThrow();
  }
});
