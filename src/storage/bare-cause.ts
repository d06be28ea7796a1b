import { LakeError } from '../base/errors.ts';

/**
 * What is kept of the error of a library as the cause of ours: who prints an error prints its causes with all their fields.
 * An SDK's carry the answer, in which some services repeat the request with its session token (`CanonicalRequest`), and by
 * it the request itself.
 */
export function bareCause(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof LakeError) return cause;
  const { name, message, stack } = cause;
  const bare = new Error(message);
  Object.defineProperty(bare, 'name', { value: name, configurable: true });
  if (stack !== undefined) bare.stack = stack;
  const code = 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? Object.assign(bare, { code }) : bare;
}
