/** What people and services send: SQL, DDL, filters, rows, events, settings, addresses. */

import { parseIdentifier, printIdentifier } from '../../src/catalog/identifier.ts';
import { decodeSchema } from '../../src/format/table-schema.ts';
import { printType } from '../../src/format/type-text.ts';
import { parseKinesisEvent } from '../../src/service/functions/kinesis-event.ts';
import { parseMaintainEvent } from '../../src/service/functions/maintain-function.ts';
import { parseCompactEvent, parseObjectCreated, tableOfSnapshot } from '../../src/service/functions/snapshot-event.ts';
import { queryApp } from '../../src/service/http/query-app.ts';
import { parseUrlEvent } from '../../src/service/http/streamed-handler.ts';
import { lineBlocks, lineParser } from '../../src/service/json-lines.ts';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { gatherSteps } from '../../src/service/line-gatherer.ts';
import { checkSettings } from '../../src/service/settings.ts';
import { definitionOfDdl, definitionOfSchemaFile } from '../../src/service/table-definitions.ts';
import { parseWhere } from '../../src/service/where.ts';
import { parseStatements } from '../../src/sql/parser/parse-statement.ts';
import { parseLogUri } from '../../src/storage/open-log-store.ts';
import { parseStoreUri } from '../../src/storage/open-object-store.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { userRowToScalars } from '../../src/types/user-row.ts';
import { userRows } from '../../src/types/user-rows.ts';
import { goldenFiles, texts } from './corpus.ts';
import { mutateJson, mutateText } from './mutate-text.ts';
import { sampleLines, sampleRowType, sampleSchema } from './sample-rows.ts';
import { comesBack, holds, type Target } from './target.ts';

const rowType = sampleRowType;
const canonicalLines = sampleLines(4);

/** JSON as a caller has parsed it; text that is none is passed on as text. */
function jsonOf(input: Uint8Array): unknown {
  const text = Buffer.from(input).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type LinesOutcome = { readonly rows: readonly string[]; readonly error: unknown };

/** The rows of lines that were good to the end, or what was wrong. */
async function outcomeOfLines(lines: AsyncIterable<string>): Promise<LinesOutcome> {
  try {
    return { rows: await Array.fromAsync(lines), error: undefined };
  } catch (error) {
    return { rows: [], error };
  }
}

async function* gatheredLines(input: Uint8Array): AsyncGenerator<string> {
  for await (const step of gatherSteps(sampleSchema, 'd.t', onePiece(input))) {
    if (step.kind === 'commit') continue;
    const { rows, kinds } = step.gathered;
    const print = canonicalRow(rows);
    for (const [row, kind] of kinds.entries()) yield `${kind} ${print(row)}`;
  }
}

/** As `gatheredLines`, a line and a value after the other; each row comes back when it is printed. */
async function* parsedLines(input: Uint8Array): AsyncGenerator<string> {
  const parse = lineParser(sampleSchema, 'd.t');
  for await (const { bytes, firstLine } of lineBlocks(onePiece(input))) {
    // Only before the first line a mark of the byte order is passed over.
    const text = new TextDecoder('utf-8', { ignoreBOM: firstLine > 1 }).decode(bytes);
    for (const [index, line] of text.split('\n').entries()) {
      const op = parse(line, firstLine + index);
      if (op?.kind !== 'row') continue;
      const printed = canonicalRow(buildBatch(rowType, [op.row]))(0);
      const again = parse(`{"op":"+I","row":${printed}}`, 1);
      holds(again?.kind === 'row', 'a row that is printed and not read');
      if (again?.kind === 'row')
        holds(canonicalRow(buildBatch(rowType, [again.row]))(0) === printed, 'a row that is printed as another');
      yield `${op.kindByte} ${printed}`;
    }
  }
}

/** The values of the binary columns, which JSON has as text, as callers give them. */
function withBinaries(row: unknown): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return row;
  const binary = new Set(rowType.fields.filter(({ type }) => /binary/.test(type.kind)).map(({ name }) => name));
  const entries = Object.entries(row).map(([name, value]): [string, unknown] => [
    name,
    binary.has(name) && typeof value === 'string' ? Uint8Array.from(Buffer.from(value, 'base64')) : value,
  ]);
  return Object.fromEntries(entries);
}

const textOf = (input: Uint8Array): string => Buffer.from(input).toString();
const parts = await openLakeParts({ warehouse: 'memory:fuzz', access: 'read' });
const context = { getRemainingTimeInMillis: () => 60_000 };
const queries = queryApp(async () => parts);

async function* onePiece(input: Uint8Array): AsyncGenerator<Uint8Array> {
  yield input.subarray(0, input.length >> 1);
  yield input.subarray(input.length >> 1);
}

const ddl = `CREATE TABLE IF NOT EXISTS \`d\`.t (
  k BIGINT NOT NULL COMMENT 'the key', p STRING, a ARRAY<MAP<STRING, ROW<x INT, y DECIMAL(10, 2)>>>,
  ts TIMESTAMP(3) WITH LOCAL TIME ZONE, PRIMARY KEY (k, p) NOT ENFORCED
) COMMENT 'it''s' PARTITIONED BY (p) WITH ('bucket' = '4', 'merge-engine' = 'deduplicate');`;

const statements = [
  ddl,
  "SELECT a, `b c`, count(*) FROM d.t /*+ OPTIONS('scan.snapshot-id' = '3') */ AS x WHERE k > 1 -- end",
  "SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00' JOIN d.`u$snapshots` ON t.k = u.k",
  "INSERT INTO d.t (k, p) VALUES (1, 'a'), (2, NULL)",
  "INSERT OVERWRITE t /*+ OPTIONS('a' = 'b') */ PARTITION (p = 'x', q = -5, d = DATE '2024-01-01') (k) SELECT 1",
  "CALL sys.create_tag(`table` => 'd.t', tag => 'x', snapshot_id => 5); CALL c.sys.f(-1, TRUE, NULL, TIMESTAMP '2024-01-01 00:00:00')",
  'DELETE FROM d.t AS x WHERE x.k IN (SELECT k FROM u) AND CASE WHEN a THEN (b) END = [1]',
  "UPDATE t x SET a = CASE WHEN b = ',' THEN f(1, 2) END, t.c = (SELECT 1) WHERE k = 1",
  'MERGE INTO t USING (SELECT * FROM u) AS s(k, v) ON t.k = s.k WHEN MATCHED AND s.v IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, 1)',
  'ANALYZE TABLE d.t COMPUTE STATISTICS FOR COLUMNS a, `b c`; ANALYZE TABLE t COMPUTE STATISTICS FOR ALL COLUMNS',
  "TRUNCATE TABLE d.t; ALTER TABLE t DROP IF EXISTS PARTITION (p = 'x', q = NULL), PARTITION (p = TRUE)",
  'INSERT INTO t SELECT * FROM s; DROP TABLE IF EXISTS d.t',
  "ALTER TABLE t ADD (c INT COMMENT 'n' AFTER k); ALTER TABLE t RENAME a TO b; ALTER TABLE t DROP (c)",
  "ALTER TABLE t SET ('snapshot.num-retained.max' = '5')",
  'CREATE DATABASE IF NOT EXISTS d; SHOW TABLES; SHOW CREATE TABLE t; DESCRIBE d.t; DROP DATABASE d CASCADE; USE d',
  'EXPLAIN SELECT 1; SHOW DATABASES; /* comment */ SELECT 2',
];

export const textTargets: readonly Target[] = [
  {
    name: 'sql',
    decoders: [
      'parseStatements',
      'parseQuery',
      'parseSqlType',
      'parseInsert',
      'parseHint',
      'parseAnalyze',
      'parseCall',
      'parseDelete',
      'parseUpdate',
      'parseMerge',
    ],
    corpus: () => texts(...statements),
    mutate: mutateText,
    decode: input => {
      for (const statement of parseStatements(textOf(input))) {
        if (statement.kind === 'create-table') for (const { type } of statement.columns) printType(type);
      }
    },
  },
  {
    name: 'ddl',
    decoders: ['parseStatements'],
    corpus: () =>
      texts(
        ddl,
        "CREATE TABLE d.t (a INT) WITH ('a' = 'b')",
        'CREATE TABLE t (a INT ARRAY, PRIMARY KEY (a) NOT ENFORCED)',
      ),
    mutate: mutateText,
    decode: input => {
      const definition = definitionOfDdl(parseIdentifier('d.t'), textOf(input));
      holds(
        definition.columns.every(({ name }) => name !== ''),
        'a column without a name',
      );
    },
  },
  {
    name: 'where',
    decoders: ['parseWhere'],
    corpus: () =>
      texts(
        "c3 > 5 AND c11 = 'x' OR NOT (c4 BETWEEN -3 AND 7)",
        "c14 < DATE '2024-02-29' AND c17 >= TIMESTAMP '2024-01-01 00:00:00.5'",
        'c3 IN (1, 2, 3) OR 5 < c3 AND c0 IS NOT NULL AND c7 <> 1.25',
        "`c11` LIKE 'a%' AND length(c11) > 3",
      ),
    mutate: mutateText,
    decode: input => {
      const filter = parseWhere(textOf(input), rowType);
      holds(
        filter.kind === 'sql' ||
          JSON.stringify(filter.predicate, (_k, v) => (typeof v === 'bigint' ? String(v) : v)).length > 0,
        'no filter',
      );
    },
  },
  {
    name: 'canonical-lines',
    decoders: ['parseCanonicalRow'],
    corpus: () =>
      texts(...canonicalLines.map(row => `{"op":"+I","row":${row}}`), '{"op":"commit"}', '{"op":"-D","row":{}}'),
    mutate: mutateJson,
    decode: async input => {
      const told = await outcomeOfLines(gatheredLines(input));
      const again = await outcomeOfLines(parsedLines(input));
      holds(told.rows.join('\n') === again.rows.join('\n'), 'rows that are others than the parser gives');
      holds(String(told.error) === String(again.error), 'lines that are refused otherwise than by the parser');
      if (told.error !== undefined) throw told.error;
    },
  },
  {
    name: 'user-row',
    decoders: [],
    corpus: () => texts(...canonicalLines),
    mutate: mutateJson,
    decode: input => {
      const row = withBinaries(jsonOf(input));
      const scalars = userRowToScalars(rowType, row as Readonly<Record<string, unknown>>);
      const batch = buildBatch(rowType, [scalars]);
      const again = buildBatch(rowType, [userRowToScalars(rowType, userRows(batch)(0))]);
      holds(canonicalRow(again)(0) === canonicalRow(batch)(0), 'a row that is given back as another');
    },
  },
  {
    name: 'http-query',
    decoders: ['parseUrlEvent'],
    corpus: () =>
      texts(
        JSON.stringify({
          rawPath: '/sql',
          rawQueryString: 'a=b&c=%41',
          headers: { 'content-type': 'application/json', accept: '*/*' },
          requestContext: { http: { method: 'POST' } },
          body: '{"sql":"DROP TABLE x"}',
          isBase64Encoded: false,
        }),
        JSON.stringify({
          requestContext: { http: { method: 'POST' } },
          body: '{"sql":"DROP TABLE x","parameters":["a",1,null]}',
        }),
        JSON.stringify({
          requestContext: { http: { method: 'GET' } },
          body: 'eyJzcWwiOiJ4In0=',
          isBase64Encoded: true,
        }),
      ),
    mutate: (input, random, other) => {
      if (random.next() < 0.5) return mutateJson(input, random, other);
      // Inside the body, which is JSON in JSON. Nothing that would be run: only what is refused is looked at here.
      const event = jsonOf(input);
      const inner = Buffer.from(
        mutateJson(Buffer.from('{"sql":"DROP TABLE x","parameters":[1,"a"]}'), random, other),
      ).toString();
      return Buffer.from(JSON.stringify({ ...Object(event), body: inner, isBase64Encoded: false }));
    },
    decode: async input => {
      // What is told of a failure, also of one after the first rows, when the answer's status is gone.
      const failures: number[] = [];
      const response = await queries.fetch(parseUrlEvent(jsonOf(input)), {
        context,
        requestId: 'fuzz',
        report: ({ status }) => failures.push(status),
      });
      const text = await response.text();
      holds(!failures.includes(500), `an internal error for a request: ${text.slice(-200)}`);
      holds(response.status !== 500, `an internal error for a request: ${text.slice(0, 200)}`);
      holds(response.status >= 200 && response.status < 600, 'no status');
      if (text !== '') JSON.parse(text);
    },
    cost: 2,
  },
  {
    name: 'kinesis-event',
    decoders: ['parseKinesisEvent'],
    corpus: () =>
      texts(
        JSON.stringify({
          Records: [1, 2].map(n => ({
            eventID: `shardId-00000000000${n}:4959033827149025660855969253836157${n}`,
            kinesis: {
              sequenceNumber: `4959033827149025660855969253836157${n}`,
              data: 'AQID',
              approximateArrivalTimestamp: 1545084650.987,
            },
          })),
        }),
      ),
    mutate: mutateJson,
    decode: input => {
      for (const { shardId, envelopes } of parseKinesisEvent(jsonOf(input))) {
        holds(shardId !== '', 'no shard');
        for (const { arrivalMs } of envelopes) holds(Number.isSafeInteger(arrivalMs), `arrival at ${arrivalMs}`);
      }
    },
  },
  {
    name: 'snapshot-event',
    decoders: ['parseObjectCreated', 'parseCompactEvent', 'parseStoreUri', 'parseIdentifier'],
    corpus: () =>
      texts(
        '{"detail":{"bucket":{"name":"b"},"object":{"key":"w/db.db/t/snapshot/snapshot-5"}}}',
        '{"detail":{"bucket":{"name":"b"},"object":{"key":"w/db.db/t/branch/branch-x/snapshot/snapshot-5"}}}',
      ),
    mutate: mutateJson,
    decode: input => {
      const created = parseCompactEvent(jsonOf(input));
      if (created !== 'schedule') holds(created.key === parseObjectCreated(jsonOf(input)).key, 'another object');
      const name = tableOfSnapshot('s3://b01/w', { ...parseObjectCreated(jsonOf(input)), bucket: 'b01' });
      if (name !== undefined) parseIdentifier(name);
    },
  },
  {
    name: 'maintain-event',
    decoders: ['parseMaintainEvent'],
    corpus: () => texts('{"time":"2024-01-01T03:05:00Z"}', '{"orphans":"dry-run"}', '{}'),
    mutate: mutateJson,
    decode: input => parseMaintainEvent(jsonOf(input)),
  },
  {
    name: 'settings',
    decoders: ['parseStoreUri', 'parseLogUri'],
    corpus: () =>
      texts(
        '{"warehouse":"s3://bucket/w","log":"kinesis://s","s3":{"endpoint":"http://localhost:9000","region":"x","accessKeyId":"a","secretAccessKey":"b"},"writer":{"lingerMs":2},"fileLog":{"shardCount":2}}',
        '{"warehouse":"file:///tmp/x","log":"memory:x","ingest":{"commitIntervalMs":5}}',
      ),
    mutate: mutateJson,
    decode: input => {
      const settings = checkSettings(jsonOf(input) as Parameters<typeof checkSettings>[0]);
      parseStoreUri(settings.warehouse);
      if (settings.log !== undefined) parseLogUri(settings.log);
    },
  },
  {
    name: 'identifier',
    decoders: ['parseIdentifier'],
    corpus: () => texts('db.t', 'db.t$branch_dev', 'db.t$branch_dev$snapshots', 'db.t$files'),
    mutate: mutateText,
    decode: input =>
      comesBack(
        parseIdentifier(textOf(input)),
        id => Buffer.from(printIdentifier(id)),
        bytes => parseIdentifier(textOf(bytes)),
      ),
  },
  {
    name: 'schema-file',
    decoders: ['decodeSchema'],
    corpus: () => goldenFiles(/schema\/schema-\d+$/),
    mutate: mutateJson,
    decode: input => {
      holds(definitionOfSchemaFile(input, 'fuzz').columns.length > 0, 'a table without columns');
      decodeSchema(input, 'fuzz');
    },
  },
];
