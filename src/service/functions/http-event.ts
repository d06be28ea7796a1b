/**
 * Requests and answers of a function URL of AWS Lambda (payload format 2.0).
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import * as z from 'zod';
import { invalid, isLakeError, type LakeErrorKind } from '../../base/errors.ts';

export type HttpRequest = { readonly method: string; readonly body: string };

export type HttpAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const eventSchema = z.object({
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().optional(),
});

const statusOfKind: Readonly<Record<LakeErrorKind, number>> = {
  invalid: 400,
  unsupported: 400,
  conflict: 409,
  fenced: 409,
  unavailable: 503,
  corrupt: 500,
};

const statusOfCode: Readonly<Record<string, number>> = {
  LAKE_METHOD_NOT_ALLOWED: 405,
  LAKE_REQUEST_TOO_LARGE: 413,
  LAKE_RESULT_TOO_LARGE: 413,
  LAKE_SQL_DENIED: 403,
  LAKE_TABLE_NOT_FOUND: 404,
  LAKE_DATABASE_NOT_FOUND: 404,
  LAKE_TIMEOUT: 504,
};

/** @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseHttpEvent(event: unknown): HttpRequest {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success)
    throw invalid('LAKE_BAD_EVENT', `no request of a function URL: ${z.prettifyError(parsed.error)}`);
  const { requestContext, body = '', isBase64Encoded } = parsed.data;
  const text = isBase64Encoded === true ? Buffer.from(body, 'base64').toString('utf8') : body;
  return { method: requestContext.http.method, body: text };
}

/** @param body JSON */
export function httpAnswer(statusCode: number, body: string): HttpAnswer {
  return { statusCode, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body };
}

/** What a failure is to a caller. Bugs say nothing of their inside. */
export function failureAnswer(error: unknown): HttpAnswer {
  const known = isLakeError(error) ? error : undefined;
  const status = known === undefined ? 500 : (statusOfCode[known.code] ?? statusOfKind[known.kind]);
  const { code, message } = known ?? {
    code: 'LAKE_INTERNAL',
    message: 'internal error; the log of the function has it',
  };
  return httpAnswer(status, JSON.stringify({ error: { code, message } }));
}
