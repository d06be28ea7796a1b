/** AWS Lambda: a schedule. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import {
  type MaintainFigures,
  maintain,
  openMaintainFunction,
  parseMaintainEvent,
} from '../src/service/functions/maintain-function.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openMaintainFunction);

export async function handler(event: unknown, context: InvocationContext): Promise<MaintainFigures> {
  const request = parseMaintainEvent(event);
  const figures = await maintain(await opened(), request, context);
  console.log(JSON.stringify({ function: 'maintain', ...figures }));
  return figures;
}
