/** The query function: one SQL query over tables, system tables and what the log has beyond them; reads only. */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { parseStatements } from '../../sql/parser/parse-statement.ts';
import { filledText } from '../filled-text.ts';
import { type LakeParts, openLakeParts } from '../lake-parts.ts';
import { runPrintableSql } from '../run-sql.ts';
import { settingsWithEnvironment } from '../settings.ts';
import { type HttpApp, type HttpService, httpApp } from './app.ts';
import { healthRoute } from './health-route.ts';
import { bodyOf, checked, jsonOf } from './request-body.ts';
import { jsonForm, linesForm, type ResultForm, type ResultOptions, resultPieces } from './result-pieces.ts';
import type { Answer, Call, Route } from './route.ts';
import { watchRoute } from './watch-route.ts';

/** What an answer may hold: AWS Lambda streams 200 MB. */
const resultBytesMax = 190 * 1024 * 1024;
const parametersMax = 10_000;

const requestSchema = z.strictObject({
  sql: filledText.describe('One SELECT, SHOW or DESCRIBE'),
  parameters: z
    .array(z.union([z.string(), z.number(), z.bigint(), z.boolean(), z.null()]))
    .max(parametersMax)
    .optional()
    .describe('Values for $1, $2, …'),
});

export function openQueryParts(): Promise<LakeParts> {
  return openLakeParts(settingsWithEnvironment({ access: 'read', cost: { ledger: 'on' } }));
}

export function queryApp(open: HttpService<LakeParts>['open']): HttpApp {
  return httpApp({
    open,
    title: 'Tidelake queries',
    description: 'SQL over the tables of a lake and what its log has beyond them.',
    routes: [queryRoute('/sql', 'query'), queryRoute('/', 'queryAtRoot'), watchRoute, healthRoute],
  });
}

function queryRoute(path: string, id: string): Route<LakeParts> {
  return {
    method: 'POST',
    path,
    id,
    purpose: 'read',
    summary: 'Run one query',
    description: 'Rows are sent as they come. How the result ended stands at its end: `end`, or `error`.',
    body: { types: ['application/json'], description: 'The statement and its values', schema: requestSchema },
    answers: {
      [jsonForm.contentType]: '{"columns":[…],"rows":[{…}],"end":{"rows":1}}, values in canonical JSON',
      [linesForm.contentType]: 'lines {"columns":[…]}, {"row":{…}}, {"end":{"rows":1}}, when the request accepts it',
    },
    answer,
  };
}

async function answer({ parts, request, signal, failed }: Call<LakeParts>): Promise<Answer> {
  const { bytes } = await bodyOf(request, ['application/json']);
  const { sql, parameters } = checked(requestSchema, jsonOf(bytes), 'the body must be {"sql": "…"}');
  checkReadsOnly(sql);
  const form = formFor(request);
  const pieces = queryPieces(parts, { sql, parameters, form }, { bytesMax: resultBytesMax, signal, failed });
  return { kind: 'stream', contentType: form.contentType, pieces };
}

type Query = z.infer<typeof requestSchema> & { readonly form: ResultForm };

async function* queryPieces(
  parts: LakeParts,
  { sql, parameters, form }: Query,
  options: ResultOptions,
): AsyncGenerator<string, void, undefined> {
  const { signal } = options;
  for await (const result of runPrintableSql(parts, { text: sql, parameters, signal })) {
    if (result.kind !== 'rows') continue;
    const { columns } = result.cells();
    yield* resultPieces({ columns, lines: result.lines() }, form, options);
    return;
  }
  yield form.begin([]) + form.end(0);
}

function formFor(request: Request): ResultForm {
  const accepted = request.headers.get('accept') ?? '';
  return /\bapplication\/(x-ndjson|jsonl)\b/i.test(accepted) ? linesForm : jsonForm;
}

function checkReadsOnly(sql: string): void {
  const statements = parseStatements(sql);
  if (statements.length !== 1) throw invalid('LAKE_BAD_REQUEST', `one statement is expected, not ${statements.length}`);
  const kind = statements[0]?.kind ?? '';
  const reads = ['query', 'show-databases', 'show-tables', 'show-create-table', 'describe'].includes(kind);
  if (!reads) throw invalid('LAKE_SQL_DENIED', `only queries are answered here, not ${kind.replace('-', ' ')}`);
}
