/** AWS Lambda: a request to the function's URL for tables, with rows, or for changes. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { catalogApp } from '../src/service/http/catalog-app.ts';
import { openCatalogParts } from '../src/service/http/catalog-parts.ts';
import { type StreamedHandler, streamedHandler } from '../src/service/http/streamed-handler.ts';

const app = catalogApp({
  open: openOnce(openCatalogParts),
  report({ error, ...report }) {
    console.log(JSON.stringify({ function: 'catalog', ...report }));
    if (error !== undefined) console.error(error);
  },
});

export const handler: StreamedHandler = streamedHandler(app);
