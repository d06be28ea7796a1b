/** Rows for a table's log, from producers that have no rights on the log itself. */
import * as z from 'zod';
import { invalid, isLakeError } from '../../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { recordFields } from '../../flow/record-columns.ts';
import { checkHeaders, type RecordHeaders } from '../../flow/record-headers.ts';
import { type ProducerRequest, producerNamePattern } from '../../flow/request-producer.ts';
import { schemaEvolution } from '../../format/schema-evolution.ts';
import type { Table } from '../../table/table.ts';
import type { DataField } from '../../types/data-type.ts';
import { columnsOfRows, type NumberedChange, withoutStrayNulls } from '../columns-of-rows.ts';
import { changeParser, jsonOfLine, type LineOp, lineParser } from '../json-lines.ts';
import { type GatheredRows, RowGatherer } from '../row-gatherer.ts';
import type { CatalogParts } from './catalog-parts.ts';
import { bodyOf, checked, jsonOf, type RequestBody, textOf } from './request-body.ts';
import type { RequestNumber } from './request-writer.ts';
import type { Answer, Call, Route } from './route.ts';

const producerHeader = 'tidelake-producer';
const numberHeader = 'tidelake-number';
const headersHeader = 'tidelake-headers';
const linesTypes = ['application/x-ndjson', 'application/jsonl'];
const types = ['application/json', ...linesTypes] as const;

const requestRowsMax = 50_000;
/** Of a request's rows as columns: a row of few bytes may have many columns. */
const requestRowsBytesMax = 32 * 1024 * 1024;

const changeSchema = z.object({
  op: z.enum(['+I', '-U', '+U', '-D']).describe('Insert, the row before an update, after it, delete'),
  row: z.record(z.string(), z.unknown()).describe('Values in canonical JSON; of a row that goes its key is enough'),
});

const producerSchema = z
  .string()
  .regex(producerNamePattern, `${producerHeader} is a name of 1 to 64 letters, digits, and . _ -`);
const numberSchema = z.coerce
  .number()
  .int(`${numberHeader} is a whole number`)
  .min(1, `${numberHeader} counts from 1`)
  .max(Number.MAX_SAFE_INTEGER);

export const rowsRoute: Route<CatalogParts> = {
  method: 'POST',
  path: '/v1/tables/{table}/rows',
  id: 'writeRows',
  purpose: 'produce',
  summary: 'Write rows',
  description:
    'Answered when the log has all of them. With a producer and a number a request may be sent again, and its rows are ' +
    'there once; the next number is sent when the one before was answered.',
  headers: [
    { name: producerHeader, description: 'A name that the sender keeps, such as the name of a device' },
    { name: numberHeader, description: 'Of the request: grows with each, and is the same when one is sent again' },
    { name: headersHeader, description: 'Headers of its records: a JSON object of texts, in ASCII' },
  ],
  body: {
    types: [...types],
    description: 'A list of changes, one change, or one on each line',
    schema: z.union([z.array(changeSchema), changeSchema]),
  },
  answers: { 'application/json': '{"table":"db.t","rows":2}' },
  answer,
};

async function answer({ parts, request, parameter, signal }: Call<CatalogParts>): Promise<Answer> {
  const number = requestNumberOf(request.headers);
  const headers = recordHeadersOf(request.headers);
  const body = await bodyOf(request, types);
  const table = await parts.writer.table(parameter('table'));
  const rows = rowsOfBody(table, body);
  if (rows.kinds.length > 0) await parts.writer.write(table, { ...rows, headers }, number, signal);
  return { kind: 'json', json: JSON.stringify({ table: table.label, rows: rows.kinds.length }) };
}

/** @throws LakeError `invalid` LAKE_BAD_REQUEST unless both are there or none */
function requestNumberOf(headers: Headers): RequestNumber | undefined {
  const producer = headers.get(producerHeader);
  const number = headers.get(numberHeader);
  if (producer === null && number === null) return undefined;
  if (producer === null || number === null) {
    throw invalid('LAKE_BAD_REQUEST', `${producerHeader} and ${numberHeader} go together: one alone tells no repeat`);
  }
  return {
    producer: checked(producerSchema, producer, producerHeader),
    number: checked(numberSchema, number, numberHeader),
  };
}

/** @throws LakeError `invalid` LAKE_BAD_HEADERS */
function recordHeadersOf(headers: Headers): RecordHeaders | undefined {
  const text = headers.get(headersHeader);
  if (text === null || text === '') return undefined;
  try {
    // Other characters arrive as one or the other client has put them.
    const json = /^[ -~]*$/.test(text) ? parseJson(text) : undefined;
    if (isJsonObject(json)) return checkHeaders(json);
  } catch (error) {
    if (isLakeError(error)) throw error;
  }
  throw invalid(
    'LAKE_BAD_HEADERS',
    `${headersHeader} is a JSON object of texts, in ASCII: write other characters as \\u00e9`,
  );
}

/**
 * All rows of a body, or none; with columns that the table does not have, where it says what is to become of them (RFC 0019).
 *
 * @throws LakeError `invalid` LAKE_BAD_LINE, LAKE_BAD_VALUE, LAKE_REQUEST_TOO_LARGE
 */
function rowsOfBody({ schema, label }: Table, body: RequestBody): GatheredRows & Pick<ProducerRequest, 'columns'> {
  const evolution = schemaEvolution(schema.options);
  if (evolution === undefined || evolution === 'fail') return gather(schema.fields, opsOf({ schema, label }, body));
  const changes = [...changesOf(body)];
  const columns = columnsOfRows(schema, changes);
  if (columns.length === 0) return gather(schema.fields, opsOfChanges({ schema, label }, changes));
  const wider = { ...schema, fields: recordFields(schema, schema, { columns }) };
  return { ...gather(wider.fields, opsOfChanges({ schema: wider, label }, changes)), columns };
}

function gather(fields: readonly DataField[], ops: Iterable<LineOp>): GatheredRows {
  const gatherer = new RowGatherer({ fields });
  for (const op of ops) {
    if (op.kind === 'commit') throw invalid('LAKE_BAD_LINE', 'a request is a unit by itself: it has no commit in it');
    gatherer.add(op.row, op.kindByte);
    if (gatherer.rowCount > requestRowsMax) {
      throw invalid('LAKE_REQUEST_TOO_LARGE', `a request has at most ${requestRowsMax} rows`);
    }
    if (gatherer.bytes > requestRowsBytesMax) {
      throw invalid('LAKE_REQUEST_TOO_LARGE', `rows of a request have at most ${requestRowsBytesMax} bytes as columns`);
    }
  }
  return gatherer.take();
}

type RowsTable = Pick<Table, 'schema' | 'label'>;

function* opsOfChanges({ schema, label }: RowsTable, changes: readonly NumberedChange[]): Generator<LineOp> {
  const names = new Set(schema.fields.map(({ name }) => name));
  const parsers = { row: changeParser(schema, label, 'row'), line: changeParser(schema, label, 'line') };
  for (const { json, word, number } of changes) yield parsers[word](withoutStrayNulls(json, names), number);
}

/** A body's changes as they are. */
function* changesOf({ mediaType, bytes }: RequestBody): Generator<NumberedChange> {
  if (!linesTypes.includes(mediaType)) {
    const json = jsonOf(bytes);
    const changes: readonly JsonValue[] = Array.isArray(json) ? json : [json];
    for (const [index, change] of changes.entries()) yield { json: change, word: 'row', number: index + 1 };
    return;
  }
  for (const [index, line] of textOf(bytes).split('\n').entries()) {
    if (line !== '' && line !== '\r') yield { json: jsonOfLine(line, index + 1), word: 'line', number: index + 1 };
  }
}

function* opsOf({ schema, label }: RowsTable, { mediaType, bytes }: RequestBody): Generator<LineOp, void, undefined> {
  if (linesTypes.includes(mediaType)) {
    const parse = lineParser(schema, label);
    let lineNumber = 0;
    for (const line of textOf(bytes).split('\n')) {
      lineNumber += 1;
      const op = parse(line, lineNumber);
      if (op !== undefined) yield op;
    }
    return;
  }
  const json = jsonOf(bytes);
  const changes: readonly JsonValue[] = Array.isArray(json) ? json : [json];
  const parse = changeParser(schema, label, 'row');
  for (const [index, change] of changes.entries()) yield parse(change, index + 1);
}
