/** What there is in a lake: databases, tables, what a table is, its snapshots. */
import * as z from 'zod';
import { type JsonObject, type JsonValue, longToJson, stringifyJson } from '../../base/json.ts';
import { listDatabases, listTables } from '../../catalog/catalog.ts';
import { checkName } from '../../catalog/identifier.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { printType } from '../../format/type-text.ts';
import { linkBetween } from '../../table/commit/decide-chain.ts';
import { latestSnapshot, listSnapshotIds, readSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { openLakeTable } from '../tables.ts';
import type { CatalogParts } from './catalog-parts.ts';
import { checked } from './request-body.ts';
import type { Answer, Call, Route } from './route.ts';

const pageSnapshotsMax = 1_000;

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(pageSnapshotsMax).default(100).describe('Snapshots of a page'),
  before: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Only snapshots below this number: `next` of the page before'),
});

const json = 'application/json';
const common = { method: 'GET', purpose: 'read' } as const;

export const catalogRoutes: readonly Route<CatalogParts>[] = [
  {
    ...common,
    path: '/v1/databases',
    id: 'listDatabases',
    summary: 'The databases',
    answers: { [json]: '{"databases":["db"]}' },
    answer: async ({ parts }) => jsonAnswer({ databases: await listDatabases(parts) }),
  },
  {
    ...common,
    path: '/v1/databases/{database}/tables',
    id: 'listTables',
    summary: 'The tables of a database',
    answers: { [json]: '{"tables":["db.t"]}' },
    answer: tablesAnswer,
  },
  {
    ...common,
    path: '/v1/tables/{table}',
    id: 'describeTable',
    summary: 'Columns, keys, options and newest snapshot of a table',
    answers: { [json]: 'A description' },
    answer: tableAnswer,
  },
  {
    ...common,
    path: '/v1/tables/{table}/options',
    id: 'tableOptions',
    summary: 'The options of a table, as they were set',
    answers: { [json]: '{"options":{"bucket":"2"}}' },
    answer: async call => jsonAnswer({ options: (await tableOf(call)).schema.options }),
  },
  {
    ...common,
    path: '/v1/tables/{table}/snapshots',
    id: 'listSnapshots',
    summary: 'The snapshots of a table, the newest first',
    query: pageSchema,
    answers: { [json]: '{"snapshots":[…],"next":17}; without `next` it is the last page' },
    answer: snapshotsAnswer,
  },
];

function jsonAnswer(value: JsonValue): Answer {
  return { kind: 'json', json: stringifyJson(value) };
}

function tableOf({ parts, parameter }: Call<CatalogParts>): Promise<Table> {
  return openLakeTable(parts, parameter('table'));
}

async function tablesAnswer({ parts, parameter }: Call<CatalogParts>): Promise<Answer> {
  const database = parameter('database');
  checkName(database, database);
  const names = await listTables(parts, database);
  return jsonAnswer({ tables: names.map(name => `${database}.${name}`) });
}

async function tableAnswer(call: Call<CatalogParts>): Promise<Answer> {
  const table = await tableOf(call);
  const { schema } = table;
  const latest = await latestSnapshot(table);
  return jsonAnswer({
    name: table.label,
    tableId: table.id,
    schemaId: schema.id,
    columns: schema.fields.map(({ id, name, type, description, defaultValue }) => ({
      ...{ id, name, type: printType(type), comment: description, default: defaultValue },
    })),
    primaryKey: schema.primaryKeys,
    partitionKeys: schema.partitionKeys,
    options: schema.options,
    comment: schema.comment,
    latestSnapshot: latest === undefined ? null : snapshotJson(latest),
  });
}

async function snapshotsAnswer(call: Call<CatalogParts>): Promise<Answer> {
  const { limit, before } = checked(pageSchema, call.query, 'the page');
  const table = await tableOf(call);
  // It says so when the table is gone.
  const head = await latestSnapshot(table);
  const ids = new Set((await listSnapshotIds(table)).ids);
  const snapshots: Snapshot[] = [];
  let id = before === undefined ? (head?.id ?? 0) : before - 1;
  for (; ids.has(id) && snapshots.length < limit; id -= 1) {
    const snapshot = await readSnapshot(table, id);
    const above = snapshots.at(-1);
    // Expired meanwhile, or of a writer that came too late: below it there is nothing of this table.
    if (snapshot === undefined || (above !== undefined && linkBetween(above, snapshot) === 'broken')) break;
    snapshots.push(snapshot);
  }
  const isMore = snapshots.length === limit && ids.has(id);
  return jsonAnswer({ snapshots: snapshots.map(snapshotJson), ...(isMore ? { next: id + 1 } : {}) });
}

function snapshotJson(snapshot: Snapshot): JsonObject {
  const { id, schemaId, commitKind, commitUser, commitIdentifier, timeMillis } = snapshot;
  return {
    ...{ id, schemaId, commitKind, commitUser, timeMillis },
    commitIdentifier: longToJson(commitIdentifier),
    totalRecordCount: longToJson(snapshot.totalRecordCount),
    deltaRecordCount: longToJson(snapshot.deltaRecordCount),
    watermark: longToJson(snapshot.watermark),
  };
}
