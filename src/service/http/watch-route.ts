/** The answer of a query as it changes, as server-sent events. */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import type { SqlParameter } from '../../sql/parameters.ts';
import type { LakeParts } from '../lake-parts.ts';
import { openWatch } from '../watch/open-watch.ts';
import { eventAnswer, eventStreamType, lastEventHeader, resumeOf, secondsQuery } from './event-pieces.ts';
import { checked } from './request-body.ts';
import type { Answer, Call, Route } from './route.ts';
import { watchEvents } from './watch-events.ts';

const intervalMsMax = 60_000;

const querySchema = z.object({
  sql: z.string().min(1).optional().describe('One SELECT; or give `table`'),
  table: z.string().min(1).optional().describe('`db.t`, in the place of `sql`'),
  key: z.string().min(1).optional().describe('Of `sql`: names of the columns that tell rows apart, with commas'),
  parameters: z.string().optional().describe('Of `sql`: values for $1, $2, … as a JSON array'),
  where: z.string().min(1).optional().describe('Of `table`: a boolean expression of SQL over the columns'),
  columns: z.string().min(1).optional().describe('Of `table`: names of the columns to give, with commas'),
  interval: z.coerce
    .number()
    .int()
    .min(0)
    .max(intervalMsMax)
    .optional()
    .describe('Changes that come within so many milliseconds are given together; 200 unless given'),
  seconds: secondsQuery,
  resume: z
    .string()
    .min(1)
    .optional()
    .describe('The id of an event of the same watch: what changed since; the header last-event-id, too'),
});

export const watchRoute: Route<LakeParts> = {
  method: 'GET',
  path: '/watch',
  id: 'watch',
  purpose: 'read',
  summary: 'Watch the answer of a query, or a table',
  description:
    'Events: `begin` with `key`; `full`, the rows of the answer, and `delta`, changes of it, each with `part`, `complete` and ' +
    '`changes`; `end` when the time is up; `failed` with a code. `full` with part 0 voids what came before. A `+` puts a row in ' +
    'the place of the one with its key, a `-` has the key of a row that is gone; without a key whole rows come and go. What is ' +
    'complete has an id to go on from.',
  query: querySchema,
  headers: [lastEventHeader],
  answers: { [eventStreamType]: 'Server-sent events' },
  answer,
};

async function answer(call: Call<LakeParts>): Promise<Answer> {
  const { parts, request, query } = call;
  const wanted = checked(querySchema, query, 'the query');
  const { sql, table, where, interval: intervalMs, seconds } = wanted;
  return eventAnswer(call, seconds, async signal => {
    const watch = await openWatch(parts, {
      ...{ sql, table, where, intervalMs, signal },
      key: wanted.key?.split(','),
      columns: wanted.columns?.split(','),
      parameters: wanted.parameters === undefined ? undefined : parametersOf(wanted.parameters),
      resume: resumeOf(request, wanted),
    });
    return watchEvents(watch);
  });
}

function parametersOf(text: string): readonly SqlParameter[] {
  const values = jsonOf(text);
  const isList = Array.isArray(values);
  const parameters = isList ? values.flatMap(value => (isPlain(value) ? [value] : [])) : [];
  if (isList && parameters.length === values.length) return parameters;
  throw invalid('LAKE_BAD_REQUEST', 'parameters: give a JSON array of texts, numbers, booleans and nulls');
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function isPlain(value: JsonValue): value is Exclude<JsonValue, object> | null {
  return value === null || (!Array.isArray(value) && !isJsonObject(value));
}
