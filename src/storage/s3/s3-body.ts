import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { LakeError } from '../../base/errors.ts';
import type { ByteRange } from '../object-store.ts';
import { checkObjectSize, storeUnavailable } from '../store-errors.ts';

/**
 * The bytes of an answer, as many as it announced.
 *
 * @throws LakeError `unavailable` when the body ends early or does not end; reading again may help; `corrupt`
 *   LAKE_OBJECT_TOO_LARGE, before the body is read when the answer tells its length
 */
export async function readBody(
  where: string,
  answer: Pick<GetObjectCommandOutput, 'Body' | 'ContentLength'>,
  { signal, bytesMax }: { readonly signal: AbortSignal | undefined; readonly bytesMax?: number | undefined },
): Promise<Uint8Array> {
  const { Body: body, ContentLength: length } = answer;
  if (body === undefined) return new Uint8Array();
  if (length !== undefined && bytesMax !== undefined && length > bytesMax && body instanceof Readable) body.destroy();
  checkObjectSize(where, length ?? 0, bytesMax);
  if (!(body instanceof Readable)) return await body.transformToByteArray();
  const stop = (): void => void body.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return length === undefined ? await readToEnd(where, body, bytesMax) : await readStream(where, body, length);
  } catch (error) {
    if (error instanceof LakeError) throw error;
    throw storeUnavailable(where, error);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function readStream(where: string, body: Readable, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array) || filled + chunk.byteLength > length) {
      throw storeUnavailable(where, `more than the announced ${length} bytes`);
    }
    bytes.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled !== length) throw storeUnavailable(where, `${filled} of ${length} bytes came`);
  return bytes;
}

/** A body without an announced length, such as one that comes in chunks. */
async function readToEnd(where: string, body: Readable, bytesMax: number | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw storeUnavailable(where, 'a body that is no bytes');
    length += chunk.byteLength;
    checkObjectSize(where, length, bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The part asked for, whether the store sent just that or, not knowing ranges, the whole object. */
export function rangeOfAnswer(
  where: string,
  answer: { readonly range: ByteRange; readonly contentRange: string | undefined; readonly bytes: Uint8Array },
): Uint8Array {
  const { range, contentRange, bytes } = answer;
  if (contentRange === undefined) return bytes.slice(range.start, range.end);
  const start = /^bytes (\d+)-/.exec(contentRange)?.[1];
  if (Number(start) === range.start && bytes.byteLength <= range.end - range.start) return bytes;
  throw storeUnavailable(where, `bytes [${range.start}, ${range.end}) were asked for, ${contentRange} came`);
}
