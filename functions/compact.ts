/** AWS Lambda: a new snapshot in the warehouse's bucket, or a schedule. */
import {
  type CompactAllFigures,
  type CompactFigures,
  compactAll,
  compactOnSnapshot,
  compactReport,
  openCompactFunction,
} from '../src/service/functions/compact-function.ts';
import { openAhead } from '../src/service/functions/function-parts.ts';
import { parseCompactEvent } from '../src/service/functions/snapshot-event.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openAhead(openCompactFunction);
const telemetry = openTelemetry('compact');

export function handler(event: unknown, context: InvocationContext): Promise<CompactFigures | CompactAllFigures> {
  return telemetry.observe(context, async invocation => {
    const created = parseCompactEvent(event);
    const parts = await opened();
    const figures =
      created === 'schedule'
        ? await compactAll(parts, invocation)
        : await compactOnSnapshot(parts, created, invocation);
    invocation.report(compactReport(figures));
    return figures;
  });
}
