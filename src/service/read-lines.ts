/** The reads of the command line: a table's rows and changes as lines of text. */
import { invalid } from '../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../base/json.ts';
import { follow } from '../flow/read/groups/follow.ts';
import type { LakeParts } from './lake-parts.ts';
import { keyOfJson, type LookupRequest, lookupRow } from './lookup-row.ts';
import { withLogOf } from './named-logs.ts';
import { changeJsonLines, changeLines, jsonLines } from './printed-rows.ts';
import { countRows, type ScanRequest, scanTable } from './scan-table.ts';
import {
  flowRequest,
  readerOf,
  type SubscriptionRange,
  type SubscriptionReader,
  type SubscriptionView,
} from './subscribe-request.ts';
import { type ChangesRequest, tableChanges } from './table-changes.ts';
import { openLakeTable } from './tables.ts';

/** Pieces of lines, each a JSON object of a row. */
export async function* scanLines(
  parts: LakeParts,
  name: string,
  request: ScanRequest,
): AsyncGenerator<string, void, undefined> {
  const { batches } = await scanTable(parts, await openLakeTable(parts, name), request);
  for await (const batch of batches) yield jsonLines(batch);
}

export async function scanCount(parts: LakeParts, name: string, request: ScanRequest): Promise<bigint> {
  return countRows(parts, await openLakeTable(parts, name), request);
}

/** @param key a JSON object of the primary key · @returns the row's line, or undefined */
export async function lookupLine(
  parts: LakeParts,
  name: string,
  key: string,
  request: LookupRequest,
): Promise<string | undefined> {
  const table = await openLakeTable(parts, name);
  const found = await lookupRow(parts, table, keyOfJson(table, jsonObject(key)), request);
  return found === undefined ? undefined : jsonLines(found);
}

/** Pieces of lines such as `+I {…}`. */
export async function* changesLines(
  parts: LakeParts,
  name: string,
  request: ChangesRequest,
): AsyncGenerator<string, void, undefined> {
  const table = await openLakeTable(parts, name);
  for await (const { rows, kinds } of tableChanges(table, request)) yield changeLines(rows, kinds);
}

export type FollowLinesRequest = SubscriptionRange &
  SubscriptionView &
  SubscriptionReader & {
    /** Lines of JSON, with the headers that came with rows. */
    readonly json?: boolean | undefined;
    /** With `json`: which changes are late, and lines of the watermark where it moves. */
    readonly watermarks?: boolean | undefined;
    readonly signal: AbortSignal;
  };

/** The same of a subscription. */
export async function* followLines(
  parts: LakeParts,
  name: string,
  { signal, json = false, watermarks = false, ...request }: FollowLinesRequest,
): AsyncGenerator<string, void, undefined> {
  const table = await openLakeTable(parts, name);
  const asked = { ...flowRequest(table, request), ...readerOf(request) };
  let toldMs: number | undefined;
  for await (const batch of follow(await withLogOf(parts, table), table, asked, signal)) {
    const { rows, kinds, headers, late, watermarkMs } = batch;
    const marks = { headers, late: watermarks ? late : undefined };
    if (rows.rowCount > 0) yield json ? changeJsonLines(rows, kinds, marks) : changeLines(rows, kinds);
    if (json && watermarks && watermarkMs !== toldMs) yield `${JSON.stringify({ watermark: watermarkMs })}\n`;
    toldMs = watermarkMs;
  }
}

function jsonObject(text: string): Readonly<Record<string, JsonValue | undefined>> {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw invalid('LAKE_BAD_KEY', `key ${text} is not JSON`, { cause });
  }
  if (isJsonObject(json)) return json;
  throw invalid('LAKE_BAD_KEY', `key ${text} is not an object of the primary key's columns`);
}
