/** AWS Lambda: a request to the function's URL for rows by SQL. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import { openQueryParts, queryApp } from '../src/service/http/query-app.ts';
import { type StreamedHandler, streamedHandler } from '../src/service/http/streamed-handler.ts';

export const handler: StreamedHandler = streamedHandler(queryApp(openOnce(openQueryParts)), openTelemetry('query'));
