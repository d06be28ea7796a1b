/** Limits of statements and requests, just under and just over. */
import { equal, match } from 'node:assert/strict';
import { systemRandom } from '../../src/base/random.ts';
import { failureOf } from '../../src/service/http/failures.ts';
import { queryApp } from '../../src/service/http/query-app.ts';
import { jsonForm, resultPieces } from '../../src/service/http/result-pieces.ts';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { parseStatements } from '../../src/sql/parser/parse-statement.ts';
import { bracketDepthSumMax, sqlLengthMax, statementTokensMax, tokensMax } from '../../src/sql/parser/tokens.ts';
import {
  aliasedValuesMax,
  boundColumnsMax,
  functionCostMax,
  relationsMax,
  setOperationsMax,
  subqueriesMax,
  subqueryNestingMax,
} from '../../src/sql/query/complexity.ts';
import { tableReferences } from '../../src/sql/query/references.ts';
import { openSqlFixture } from '../sql-fixture.ts';
import { constant, expectEdge, mib, outcomeOf, type Trials } from './limit-tools.ts';

const context = { getRemainingTimeInMillis: () => 60_000 };
const endLength = 4_096;

async function sqlCode(sql: string): Promise<string> {
  await using fixture = await openSqlFixture();
  return await outcomeOf(() => fixture.run(sql));
}

const repeated = (text: string, count: number, between: string): string =>
  Array.from({ length: count }, () => text).join(between);

function nestedQuery(depth: number): Parameters<typeof tableReferences>[0] {
  let tree: Parameters<typeof tableReferences>[0] = { type: 'CONSTANT' };
  for (let level = 0; level < depth; level += 1) tree = { type: 'CAST', child: tree };
  return tree;
}

const nestedType = (depth: number): string => `CREATE TABLE t (a ${'ARRAY<'.repeat(depth)}INT${'>'.repeat(depth)})`;

/** What the query function answers, its end only: an answer may be larger than one wants to have at once. */
async function askFunction(request: object | string): Promise<string> {
  await using parts = await openLakeParts({ warehouse: `memory:limits-${systemRandom.uuid()}` });
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  const app = queryApp(async () => parts);
  const response = await app.fetch(new Request('https://lake/sql', { method: 'POST', body: Buffer.from(body) }), {
    context,
    requestId: 'trial',
    report: () => undefined,
  });
  let end = '';
  for await (const chunk of response.body ?? []) end = (end + Buffer.from(chunk).toString()).slice(-endLength);
  const [, code] = /"error":\{"code":"(\w+)","message":".*"\}\}$/.exec(end) ?? [];
  if (code === undefined) match(end, /\],"end":\{"rows":\d+\}\}$/);
  return code ?? 'taken';
}

export const sqlTrials: Trials = {
  sqlLengthMax: () =>
    expectEdge(
      'LAKE_SQL_SYNTAX',
      () => parseStatements('SELECT 1'.padEnd(sqlLengthMax)),
      () => parseStatements('SELECT 1'.padEnd(sqlLengthMax + 1)),
    ),
  statementTokensMax: () =>
    expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(`SELECT${' 1'.repeat(statementTokensMax - 1)}`),
      () => parseStatements(`SELECT${' 1'.repeat(statementTokensMax)}`),
    ),
  tokensMax: () =>
    expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(';'.repeat(tokensMax)),
      () => parseStatements(';'.repeat(tokensMax + 1)),
    ),
  bracketDepthSumMax: async () => {
    // `(` at depths 1 to n, and again: n * (n + 1) / 2 each.
    const nest = (depth: number): string => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
    const full = Math.floor(bracketDepthSumMax / ((999 * 1000) / 2));
    const rest = bracketDepthSumMax - (full * (999 * 1000)) / 2;
    const sql = `SELECT ${repeated(nest(999), full, '+')}${'+(1)'.repeat(rest)}`;
    await expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(sql),
      () => parseStatements(`${sql}+(1)`),
    );
  },
  setOperationsMax: async () => {
    equal(await sqlCode(repeated('SELECT 1 AS a', setOperationsMax + 1, ' UNION ALL ')), 'taken');
    equal(await sqlCode(repeated('SELECT 1 AS a', setOperationsMax + 2, ' UNION ALL ')), 'LAKE_SQL_TOO_COMPLEX');
  },
  subqueryNestingMax: async () => {
    const nested = (depth: number): string => `SELECT ${'(SELECT '.repeat(depth)}1${')'.repeat(depth)} AS a`;
    equal(await sqlCode(nested(subqueryNestingMax)), 'taken');
    equal(await sqlCode(nested(subqueryNestingMax + 1)), 'LAKE_SQL_TOO_COMPLEX');
  },
  subqueriesMax: async () => {
    const many = (count: number): string => `SELECT ${repeated('(SELECT 1)', count, ', ')}`;
    equal(await sqlCode(many(subqueriesMax)), 'taken');
    equal(await sqlCode(many(subqueriesMax + 1)), 'LAKE_SQL_TOO_COMPLEX');
  },
  aliasedValuesMax: async () => {
    // Each `a` stands for one value.
    const many = (count: number): string => `SELECT 1 AS a${', a'.repeat(count)}`;
    equal(await sqlCode(many(aliasedValuesMax)), 'taken');
    equal(await sqlCode(many(aliasedValuesMax + 1)), 'LAKE_SQL_TOO_COMPLEX');
    const doubled = Array.from({ length: 30 }, (_, at) => `, x${at} + x${at} AS x${at + 1}`).join('');
    equal(await sqlCode(`SELECT 1 AS x0${doubled}`), 'LAKE_SQL_TOO_COMPLEX');
    match(await sqlCode(`SELECT 1 AS x0, x0 + x0 AS x1 ORDER BY x1${' + x1'.repeat(2_000)}`), /^LAKE_/);
  },
  boundColumnsMax: async () => {
    await using fixture = await openSqlFixture();
    await fixture.run('CREATE DATABASE IF NOT EXISTS d');
    await fixture.run(`CREATE TABLE d.w (${Array.from({ length: 1_000 }, (_, at) => `c${at} INT`).join()})`);
    // A table and a star each: two thousand.
    const union = (count: number): string => repeated('SELECT * FROM d.w', count, ' UNION ALL ');
    equal(await outcomeOf(() => fixture.run(union(boundColumnsMax / 2_000))), 'taken');
    const over = await outcomeOf(() => fixture.run(union(boundColumnsMax / 2_000 + 1)));
    equal(over, 'LAKE_SQL_TOO_COMPLEX');
    // Columns that are not looked at do not count.
    equal(await outcomeOf(() => fixture.run(repeated('SELECT c1 FROM d.w', 200, ' UNION ALL '))), 'taken');
  },
  relationsMax: async () => {
    await using fixture = await openSqlFixture();
    await fixture.run('CREATE DATABASE IF NOT EXISTS d');
    await fixture.run('CREATE TABLE d.t (a INT)');
    await fixture.run('INSERT INTO d.t VALUES (1)');
    const hint = "SELECT a FROM d.t /*+ OPTIONS('scan.snapshot-id' = '1') */";
    const union = (count: number): string => repeated(hint, count, ' UNION ALL ');
    equal(await outcomeOf(() => fixture.run(union(relationsMax))), 'taken');
    equal(await outcomeOf(() => fixture.run(union(relationsMax + 1))), 'LAKE_SQL_TOO_COMPLEX');
  },
  functionCostMax: async () => {
    const cost = (depth: number): number => (depth * (depth + 1) * (2 * depth + 1)) / 6;
    let depth = 1;
    while (cost(depth + 1) <= functionCostMax) depth += 1;
    const nested = (levels: number): string => `SELECT ${'abs('.repeat(levels)}1${')'.repeat(levels)} AS a`;
    equal(await sqlCode(nested(depth)), 'taken');
    equal(await sqlCode(nested(depth + 1)), 'LAKE_SQL_TOO_COMPLEX');
  },
  depthMax: () =>
    expectEdge(
      'LAKE_UNSUPPORTED',
      () => tableReferences(nestedQuery(500)),
      () => tableReferences(nestedQuery(501)),
    ),
  nestingMax: () =>
    expectEdge(
      'LAKE_SQL_SYNTAX',
      () => parseStatements(nestedType(constant('nestingMax'))),
      () => parseStatements(nestedType(constant('nestingMax') + 1)),
    ),
  memoryBytesDefault: async () => {
    await using engine = await SqlEngine.open();
    await using connection = await engine.connect();
    equal(constant('memoryBytesDefault'), 512 * mib);
    equal(await connection.text('SELECT current_setting($1)', 'memory_limit'), '512.0 MiB');
    // Memory itself: test/security/sql-sandbox.test.ts, with a small limit.
  },
  spillBytesDefault: async () => {
    await using engine = await SqlEngine.open();
    await using connection = await engine.connect();
    equal(constant('spillBytesDefault'), 8 * 1024 * mib);
    equal(await connection.text('SELECT current_setting($1)', 'max_temp_directory_size'), '8.0 GiB');
  },
  requestBytesMax: async () => {
    const request = (bytes: number): string => JSON.stringify({ sql: 'DROP TABLE a.b' }).padEnd(bytes);
    equal(await askFunction(request(constant('requestBytesMax'))), 'LAKE_SQL_DENIED');
    equal(await askFunction(request(constant('requestBytesMax') + 1)), 'LAKE_REQUEST_TOO_LARGE');
  },
  resultBytesMax: async () => {
    const outcome = (rowBytes: number, bytesMax: number): Promise<string> =>
      outcomeOf(async () => {
        const lines = (async function* () {
          yield `${'x'.repeat(rowBytes - 1)}\n`;
        })();
        const options = { bytesMax, signal: new AbortController().signal, failed: failureOf };
        for await (const _ of resultPieces({ columns: ['a'], lines }, jsonForm, options));
      });
    equal(await outcome(1_000, 1_000), 'taken');
    equal(await outcome(1_001, 1_000), 'LAKE_RESULT_TOO_LARGE');
    equal(constant('resultBytesMax'), 190 * mib);
    // Rows of 4 KiB as JSON with its line feed; the first is so much longer.
    const rows = (more: number): string =>
      `SELECT repeat('x', ${4_096 - '{"a":""}\n'.length} + if(range = 0, ${more}, 0)) AS a FROM range(${190 * 256})`;
    equal(await askFunction({ sql: rows(0) }), 'taken');
    equal(await askFunction({ sql: rows(1) }), 'LAKE_RESULT_TOO_LARGE');
  },
  parametersMax: async () => {
    const ask = (count: number): Promise<string> =>
      askFunction({ sql: 'DROP TABLE a.b', parameters: Array.from({ length: count }, () => 1) });
    equal(await ask(constant('parametersMax')), 'LAKE_SQL_DENIED');
    equal(await ask(constant('parametersMax') + 1), 'LAKE_BAD_REQUEST');
  },
};
