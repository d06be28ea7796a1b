/** The query function: one SQL query over tables, system tables and what the log has beyond them; reads only. */
import * as z from 'zod';
import { invalid, LakeError } from '../../base/errors.ts';
import { parseStatements } from '../../sql/parser/parse-statement.ts';
import { filledText } from '../filled-text.ts';
import { type LakeParts, openLakeParts } from '../lake-parts.ts';
import { runPrintableSql } from '../run-sql.ts';
import { settingsWithEnvironment } from '../settings.ts';
import { type HttpAnswer, type HttpRequest, httpAnswer } from './http-event.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

/** What an answer may hold: AWS Lambda takes 6 MB, in which its own quoting counts. */
const resultBytesMax = 4 * 1024 * 1024;
/** Of a request, bytes; Lambda itself takes 6 MB. */
const requestBytesMax = 5 * 1024 * 1024;
const parametersMax = 10_000;
const margins = { finishMs: 5_000, answerMs: 2_000 };

const requestSchema = z.strictObject({
  sql: filledText,
  /** For `$1`, `$2`, … */
  parameters: z
    .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .max(parametersMax)
    .optional(),
});

type QueryRequest = z.infer<typeof requestSchema>;

export function openQueryFunction(): Promise<LakeParts> {
  return openLakeParts(settingsWithEnvironment({ access: 'read', cost: { ledger: 'on' } }));
}

/**
 * Answers `{"sql": …, "parameters": […]}` with `{"columns": […], "rows": [{…}, …]}`, values in canonical JSON.
 *
 * @throws LakeError LAKE_METHOD_NOT_ALLOWED, LAKE_BAD_REQUEST, LAKE_SQL_DENIED for what is no query,
 * LAKE_RESULT_TOO_LARGE, LAKE_TIMEOUT, and what SQL throws
 */
export async function query(parts: LakeParts, request: HttpRequest, context: InvocationContext): Promise<HttpAnswer> {
  if (request.method !== 'POST') throw invalid('LAKE_METHOD_NOT_ALLOWED', 'send a POST request');
  const { sql, parameters } = parseRequest(request.body);
  await using _metered = parts.metering.invocation('read');
  await using limit = timeLimit(parts.clock, context, margins);
  const { signal } = limit;
  try {
    checkReadsOnly(sql);
    for await (const result of runPrintableSql(parts, { text: sql, parameters, signal })) {
      if (result.kind === 'rows') return await rowsAnswer(result.cells().columns, result.lines());
    }
    return httpAnswer(200, '{"columns":[],"rows":[]}');
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function parseRequest(body: string): QueryRequest {
  if (Buffer.byteLength(body) > requestBytesMax) {
    throw invalid('LAKE_REQUEST_TOO_LARGE', `a request has at most ${requestBytesMax} bytes`);
  }
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw invalid('LAKE_BAD_REQUEST', 'the body is not JSON', { cause: error });
  }
  const parsed = requestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalid('LAKE_BAD_REQUEST', `the body must be {"sql": "…"}: ${z.prettifyError(parsed.error)}`);
}

function checkReadsOnly(sql: string): void {
  const statements = parseStatements(sql);
  if (statements.length !== 1) throw invalid('LAKE_BAD_REQUEST', `one statement is expected, not ${statements.length}`);
  const kind = statements[0]?.kind ?? '';
  const reads = ['query', 'show-databases', 'show-tables', 'show-create-table', 'describe'].includes(kind);
  if (!reads) throw invalid('LAKE_SQL_DENIED', `only queries are answered here, not ${kind.replace('-', ' ')}`);
}

/** @param texts rows as JSON, one a line */
async function rowsAnswer(columns: readonly string[], texts: AsyncIterable<string>): Promise<HttpAnswer> {
  const lines: string[] = [];
  let byteCount = 0;
  for await (const text of texts) {
    byteCount += Buffer.byteLength(text);
    if (byteCount > resultBytesMax) {
      const message = `the result has more than ${resultBytesMax} bytes; ask for less, or add LIMIT`;
      throw new LakeError('invalid', 'LAKE_RESULT_TOO_LARGE', message);
    }
    lines.push(...text.split('\n').filter(line => line !== ''));
  }
  return httpAnswer(200, `{"columns":${JSON.stringify(columns)},"rows":[${lines.join(',')}]}`);
}
