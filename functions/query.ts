/** AWS Lambda: a request to the function's URL. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { failureAnswer, type HttpAnswer, parseHttpEvent } from '../src/service/functions/http-event.ts';
import { openQueryFunction, query } from '../src/service/functions/query-function.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openQueryFunction);

export async function handler(event: unknown, context: InvocationContext): Promise<HttpAnswer> {
  try {
    const request = parseHttpEvent(event);
    return await query(await opened(), request, context);
  } catch (error) {
    console.error(error);
    return failureAnswer(error);
  }
}
