/** What comes with a request, looked at before it is believed. */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import { type JsonValue, parseJson } from '../../base/json.ts';

/** Of a request's body, bytes; AWS Lambda itself takes 6 MB, in which its own quoting counts. */
const requestBytesMax = 5 * 1024 * 1024;

export type RequestBody = { readonly mediaType: string; readonly bytes: Uint8Array };

/**
 * The body, when it is of a type that is taken and not too long.
 *
 * @param types the first is that of a body that does not say
 * @throws LakeError `invalid` LAKE_MEDIA_TYPE, LAKE_REQUEST_TOO_LARGE
 */
export async function bodyOf(request: Request, types: readonly string[]): Promise<RequestBody> {
  const [named = ''] = (request.headers.get('content-type') ?? types[0] ?? '').split(';', 1);
  const mediaType = named.trim().toLowerCase();
  if (!types.includes(mediaType)) {
    throw invalid(
      'LAKE_MEDIA_TYPE',
      `content-type ${mediaType.slice(0, 100)} is not taken here; send ${types.join(', ')}`,
    );
  }
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  // Whoever sends more than it says, or does not say, is stopped on the way.
  for await (const chunk of request.body ?? []) {
    byteCount += chunk.length;
    if (byteCount > requestBytesMax) {
      throw invalid('LAKE_REQUEST_TOO_LARGE', `a request has at most ${requestBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return { mediaType, bytes: Buffer.concat(chunks, byteCount) };
}

/** @throws LakeError `invalid` LAKE_BAD_REQUEST when it is not UTF-8 */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalid('LAKE_BAD_REQUEST', 'the body is not UTF-8', { cause: error });
  }
}

/** Integers beyond 2^53 come as bigint. @throws LakeError `invalid` LAKE_BAD_REQUEST when it is not JSON */
export function jsonOf(bytes: Uint8Array): JsonValue {
  const text = textOf(bytes);
  try {
    return parseJson(text);
  } catch (error) {
    throw invalid('LAKE_BAD_REQUEST', 'the body is not JSON', { cause: error });
  }
}

/** @param what is checked, for the message · @throws LakeError `invalid` LAKE_BAD_REQUEST saying what is wrong where */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid('LAKE_BAD_REQUEST', `${what}: ${z.prettifyError(parsed.error)}`);
}
