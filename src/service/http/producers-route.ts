/** Where a producer stands, for senders that have lost their place. */
import { producerStanding, standingJson } from '../producer-standing.ts';
import { openLakeTable } from '../tables.ts';
import type { CatalogParts } from './catalog-parts.ts';
import type { Route } from './route.ts';

export const producersRoute: Route<CatalogParts> = {
  method: 'GET',
  path: '/v1/tables/{table}/producers/{producer}',
  id: 'producerStanding',
  purpose: 'read',
  summary: 'Where a producer stands',
  description:
    'The largest number of its requests that the table or its log has, and where. Requests before it are there as a whole; ' +
    'this one is when it was answered. `lastNumber` is null when nothing is known of the name.',
  answers: {
    'application/json':
      '{"table":"db.t","producer":"p","opened":0,"lastNumber":7,"lanes":[{"lane":0,"number":7,"arrivalMs":1709210096000,"isInTable":false,"shardId":"s","position":"12"}]}',
  },
  async answer({ parts, parameter, signal }) {
    const table = await openLakeTable(parts, parameter('table'));
    const standing = await producerStanding(parts, table, parameter('producer'), signal);
    return { kind: 'json', json: standingJson(standing, table.label) };
  },
};
