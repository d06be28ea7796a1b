/** The description of an HTTP interface in OpenAPI 3.1, made of its routes, so that it cannot say anything else. */
import * as z from 'zod';
import type { Route } from './route.ts';

/** The part of a route that is described. */
type Described = Omit<Route, 'answer'>;

export type Description = { readonly title: string; readonly description: string };

type Json = { readonly [key: string]: unknown };

const failureSchema = z.object({
  error: z.object({
    code: z.string().describe('Stable, for programs: LAKE_…'),
    message: z.string().describe('For people'),
  }),
});

export function describeRoutes({ title, description }: Description, routes: readonly Described[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const item = (paths[route.path] ??= {});
    item[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: { title, description, version: '1' },
    paths,
    components: { schemas: { Failure: schemaOf(failureSchema) } },
  };
}

function operationOf(route: Described): Json {
  const { id, summary, description, body, answers } = route;
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(route),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            description: body.description,
            content: Object.fromEntries(body.types.map(type => [type, { schema: schemaOf(body.schema) }])),
          },
        }),
    responses: {
      200: {
        description: Object.values(answers).join('; or '),
        content: Object.fromEntries(Object.keys(answers).map(type => [type, {}])),
      },
      default: {
        description: 'A failure',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } },
      },
    },
  };
}

function parametersOf({ path, query, headers = [] }: Described): readonly Json[] {
  const text = { type: 'string' };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true, schema: text },
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schemaOf(schema);
    return { name, in: 'query', required: false, description, schema: rest };
  });
  return [...inPath, ...inQuery, ...headers.map(header => ({ ...header, in: 'header', schema: text }))];
}

function schemaOf(schema: z.core.$ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    // JSON has no other name for an integer beyond 2^53.
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'bigint') jsonSchema.type = 'integer';
    },
  });
  return rest;
}
