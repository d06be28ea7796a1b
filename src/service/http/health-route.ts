/** Says that a function is there and can open its stores. */
import type { Route } from './route.ts';

const ok = '{"status":"ok"}';

export const healthRoute: Route = {
  method: 'GET',
  path: '/v1/health',
  id: 'health',
  purpose: 'read',
  summary: 'Whether the function can open the lake',
  answers: { 'application/json': ok },
  answer: async () => ({ kind: 'json', json: ok }),
};
