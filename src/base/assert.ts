/**
 * States what must be true. A failed assertion is a bug of ours, never the world's fault, and nobody catches it.
 *
 * @param message what was expected; a thunk when building it costs something
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message());
}

/** Thrown by `assert` and `unreachable` only. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Ends a switch over a union: a member that is not handled is a compile error here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** Narrows away `undefined` where the surrounding code has already made sure of it. */
export function present<T>(value: T | undefined | null, what: string): T {
  assert(value !== undefined && value !== null, () => `${what} is missing`);
  return value;
}
