/** AWS Lambda: a new snapshot in the warehouse's bucket. */
import {
  type CompactFigures,
  compactOnSnapshot,
  openCompactFunction,
} from '../src/service/functions/compact-function.ts';
import { openOnce } from '../src/service/functions/function-parts.ts';
import { parseObjectCreated } from '../src/service/functions/snapshot-event.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openCompactFunction);

export async function handler(event: unknown, context: InvocationContext): Promise<CompactFigures> {
  const created = parseObjectCreated(event);
  const figures = await compactOnSnapshot(await opened(), created, context);
  console.log(JSON.stringify({ function: 'compact', ...figures }));
  return figures;
}
