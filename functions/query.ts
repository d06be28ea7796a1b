/** AWS Lambda: a request to the function's URL for rows by SQL. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { openQueryParts, queryApp } from '../src/service/http/query-app.ts';
import { type StreamedHandler, streamedHandler } from '../src/service/http/streamed-handler.ts';

const app = queryApp({
  open: openOnce(openQueryParts),
  report({ error, ...report }) {
    console.log(JSON.stringify({ function: 'query', ...report }));
    if (error !== undefined) console.error(error);
  },
});

export const handler: StreamedHandler = streamedHandler(app);
