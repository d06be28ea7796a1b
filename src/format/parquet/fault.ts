/** How a Parquet file that breaks its format is reported. */
import { AssertionError } from '../../base/assert.ts';
import { corrupt, LakeError } from '../../base/errors.ts';

/** `where` names the file; the message says what is wrong in it. */
export function corruptParquet(where: string, what: string, cause?: unknown): LakeError {
  const options = cause === undefined ? undefined : { cause };
  return corrupt('LAKE_PARQUET_CORRUPT', `${where}: not a sound Parquet file: ${what}`, options);
}

/**
 * Runs a decoder over bytes of the file. Whatever a codec throws at unsound bytes (RangeError, a trap of the wasm,
 * zlib's errors) becomes `corrupt`; our own errors pass.
 */
export function decoding<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asFault(where, error);
  }
}

export function asFault(where: string, error: unknown): unknown {
  if (error instanceof LakeError || error instanceof AssertionError) return error;
  return corruptParquet(where, error instanceof Error ? error.message : String(error), error);
}
