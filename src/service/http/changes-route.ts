/** Changes of a table as they happen, as server-sent events. */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { decodeResumePoint } from '../../flow/read/resume-point.ts';
import { type SubscribeFrom, subscribe } from '../../flow/read/subscribe.ts';
import { listSnapshotIds } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { openLakeTable } from '../tables.ts';
import type { CatalogParts } from './catalog-parts.ts';
import { type EventSettings, eventPieces } from './change-events.ts';
import { checked } from './request-body.ts';
import type { Answer, Call, Route } from './route.ts';

/** AWS Lambda runs no longer. */
const secondsMax = 900;
const eventStream = 'text/event-stream';

const querySchema = z.object({
  from: z
    .enum(['full', 'latest', 'earliest'])
    .optional()
    .describe(
      'full: every row there is, then changes; latest (the default): changes from now on; earliest: all changes that are kept',
    ),
  snapshot: z.coerce.number().int().min(1).optional().describe('Changes after this snapshot'),
  columns: z.string().min(1).optional().describe('Names of the columns to give, with commas'),
  seconds: z.coerce
    .number()
    .int()
    .min(1)
    .max(secondsMax)
    .default(secondsMax)
    .describe('Ends after so long at the latest'),
  resume: z
    .string()
    .min(1)
    .optional()
    .describe('The id of an event: changes after it; the header last-event-id, too, and both before `from`'),
});

export const changesRoute: Route<CatalogParts> = {
  method: 'GET',
  path: '/v1/tables/{table}/changes',
  id: 'followTable',
  purpose: 'read',
  summary: 'Follow a table',
  description:
    'Events: `begin`; `changes` with `phase`, `snapshot` and `changes`; `position`, which has an id only; `end` when the ' +
    'time is up, with the id to go on from; `failed` with a code. An id is given where another request can go on exactly.',
  query: querySchema,
  headers: [{ name: 'last-event-id', description: 'The id of the last event that came, as browsers send it' }],
  answers: { [eventStream]: 'Server-sent events' },
  answer,
};

async function answer(call: Call<CatalogParts>): Promise<Answer> {
  const { parts, request, parameter, query } = call;
  const wanted = checked(querySchema, query, 'the query');
  const token = request.headers.get('last-event-id') ?? wanted.resume;
  const table = await openLakeTable(parts, parameter('table'));
  const columns = wanted.columns?.split(',');
  checkColumns(table, columns ?? []);
  const from = token === undefined || token === '' ? await startOf(table, wanted) : resumeFrom(token);
  const ends = new AbortController();
  const changes = subscribe(parts, table, from, AbortSignal.any([call.signal, ends.signal]));
  const settings: EventSettings = {
    ...{ table, columns, clock: parts.clock, durationMs: wanted.seconds * 1_000 },
    stop: () => ends.abort(),
    ...{ isAbandoned: call.isAbandoned, failed: call.failed },
  };
  return { kind: 'stream', contentType: eventStream, pieces: eventPieces(changes, settings) };
}

type Wanted = z.infer<typeof querySchema>;

async function startOf(table: Table, { from, snapshot }: Wanted): Promise<SubscribeFrom> {
  if (snapshot !== undefined) {
    if (from !== undefined) throw invalid('LAKE_BAD_REQUEST', 'give one of from and snapshot');
    return { kind: 'after-snapshot', snapshotId: snapshot };
  }
  if (from !== 'earliest') return { kind: from ?? 'latest' };
  const [oldest] = (await listSnapshotIds(table)).ids;
  return oldest === undefined ? { kind: 'full' } : { kind: 'after-snapshot', snapshotId: oldest - 1 };
}

function resumeFrom(token: string): SubscribeFrom {
  return { kind: 'resume', point: decodeResumePoint(token) };
}

function checkColumns({ schema, label }: Table, columns: readonly string[]): void {
  const unknown = columns.filter(name => !schema.fields.some(field => field.name === name));
  if (unknown.length > 0) throw invalid('LAKE_BAD_REQUEST', `${label} has no column ${unknown.join(', ')}`);
}
