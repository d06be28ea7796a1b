/** AWS Lambda: a schedule. */
import { openAhead } from '../src/service/functions/function-parts.ts';
import {
  type MaintainFigures,
  maintain,
  maintainReport,
  openMaintainFunction,
  parseMaintainEvent,
} from '../src/service/functions/maintain-function.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openAhead(openMaintainFunction);
const telemetry = openTelemetry('maintain');

export function handler(event: unknown, context: InvocationContext): Promise<MaintainFigures> {
  return telemetry.observe(context, async invocation => {
    const request = parseMaintainEvent(event);
    const figures = await maintain(await opened(), request, invocation);
    invocation.report(maintainReport(figures));
    return figures;
  });
}
