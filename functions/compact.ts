/** AWS Lambda: a new snapshot in the warehouse's bucket, or a schedule. */
import {
  compactAll,
  compactOnSnapshot,
  compactReport,
  openCompactFunction,
} from '../src/service/functions/compact-function.ts';
import { openOnce } from '../src/service/functions/function-parts.ts';
import { parseCompactEvent } from '../src/service/functions/snapshot-event.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openCompactFunction);
const telemetry = openTelemetry('compact');

export function handler(event: unknown, context: InvocationContext): Promise<void> {
  return telemetry.observe(context, async invocation => {
    const created = parseCompactEvent(event);
    const figures =
      created === 'schedule'
        ? await compactAll(await opened(), invocation)
        : { tables: [await compactOnSnapshot(await opened(), created, invocation)], leftTables: 0, failures: [] };
    invocation.report(compactReport(figures));
  });
}
