/**
 * The catalog function: what there is in a lake, rows for its log, and subscriptions. It runs no SQL and changes no
 * table: what it needs of rights is to read the warehouse, and to append to the log.
 */
import { type HttpApp, type HttpService, httpApp } from './app.ts';
import type { CatalogParts } from './catalog-parts.ts';
import { catalogRoutes } from './catalog-routes.ts';
import { changesRoute } from './changes-route.ts';
import { healthRoute } from './health-route.ts';
import { producersRoute } from './producers-route.ts';
import { rowsRoute } from './rows-route.ts';

export function catalogApp(open: HttpService<CatalogParts>['open']): HttpApp {
  return httpApp({
    open,
    title: 'Tidelake catalog',
    description: 'Tables of a lake, rows for them, and their changes as they happen.',
    routes: [healthRoute, ...catalogRoutes, rowsRoute, producersRoute, changesRoute],
  });
}
