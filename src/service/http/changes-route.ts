/** Changes of a table as they happen, as server-sent events. */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { subscribe } from '../../flow/read/subscribe.ts';
import { withLogOf } from '../named-logs.ts';
import { flowRequest, type SubscriptionEnd, type SubscriptionStart } from '../subscribe-request.ts';
import { openLakeTable } from '../tables.ts';
import type { CatalogParts } from './catalog-parts.ts';
import { changeEvents } from './change-events.ts';
import { eventAnswer, eventStreamType, lastEventHeader, resumeOf, secondsQuery } from './event-pieces.ts';
import { checked } from './request-body.ts';
import type { Answer, Call, Route } from './route.ts';

const querySchema = z.object({
  from: z
    .enum(['full', 'latest', 'earliest'])
    .optional()
    .describe(
      'full: every row there is, then changes; latest (the default): changes from now on; earliest: all changes that are kept',
    ),
  snapshot: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Changes after this snapshot; with from=full its rows first'),
  tag: z.string().min(1).optional().describe('The same of a tag'),
  timestamp: z.string().min(1).optional().describe('Changes of this time and later, 2024-02-29T23:59:59Z'),
  until: z
    .string()
    .min(1)
    .optional()
    .describe('Where to end: now, the number of a snapshot, or a time that has passed; it goes on unless given'),
  where: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Only rows that pass: comparisons of columns with constants, AND, OR, NOT. What no longer passes is a -D',
    ),
  changelogMode: z.enum(['auto', 'all', 'upsert']).optional().describe('Updates with what rows were (all) or without'),
  consistency: z.enum(['transactional', 'eventual']).optional().describe('transactional: committed changes only'),
  columns: z.string().min(1).optional().describe('Names of the columns to give, with commas'),
  seconds: secondsQuery,
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
    'Events: `begin`; `changes` with `phase`, `snapshot` and `changes`; `position`, which has an id only; `watermark` in either, of tables that have one, and `late` changes that are behind it; `end` when the ' +
    'time is up (reason `time`) or all was given that was asked for (`done`); `failed` with a code. An id is given where another request can go on exactly.',
  query: querySchema,
  headers: [lastEventHeader],
  answers: { [eventStreamType]: 'Server-sent events' },
  answer,
};

async function answer(call: Call<CatalogParts>): Promise<Answer> {
  const { parts, request, parameter, query } = call;
  const wanted = checked(querySchema, query, 'the query');
  const resume = resumeOf(request, wanted);
  const table = await openLakeTable(parts, parameter('table'));
  const own = await withLogOf(parts, table);
  const columns = wanted.columns?.split(',');
  const { where, changelogMode, consistency, seconds } = wanted;
  const from = resume === undefined ? startOf(wanted) : { resume };
  const range = { from, until: wanted.until === undefined ? undefined : endOf(wanted.until) };
  const asked = flowRequest(table, { ...range, columns, where, changelogMode, consistency });
  return eventAnswer(call, seconds, signal => changeEvents(subscribe(own, table, asked, signal), table, columns));
}

type Wanted = z.infer<typeof querySchema>;

function startOf({ from, snapshot, tag, timestamp }: Wanted): SubscriptionStart {
  const given = [snapshot, tag, timestamp].filter(value => value !== undefined);
  if (given.length > 1) throw invalid('LAKE_BAD_REQUEST', 'give one of snapshot, tag and timestamp');
  const isFull = from === 'full' && timestamp === undefined;
  if (given.length > 0 && from !== undefined && !isFull) {
    throw invalid(
      'LAKE_BAD_REQUEST',
      `from=${from} does not go with snapshot, tag or timestamp; from=full goes with the first two`,
    );
  }
  if (snapshot !== undefined) return { snapshot, full: isFull };
  if (tag !== undefined) return { tag, full: isFull };
  return timestamp !== undefined ? { timestamp } : (from ?? 'latest');
}

function endOf(until: string): SubscriptionEnd {
  if (until === 'now') return 'now';
  return /^\d{1,15}$/.test(until) ? { snapshot: Number(until) } : { timestamp: until };
}
