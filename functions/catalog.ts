/** AWS Lambda: a request to the function's URL for tables, with rows, or for changes. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import { catalogApp } from '../src/service/http/catalog-app.ts';
import { openCatalogParts } from '../src/service/http/catalog-parts.ts';
import { type StreamedHandler, streamedHandler } from '../src/service/http/streamed-handler.ts';

export const handler: StreamedHandler = streamedHandler(
  catalogApp(openOnce(openCatalogParts)),
  openTelemetry('catalog'),
);
