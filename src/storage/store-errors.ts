import { corrupt, invalid, LakeError } from '../base/errors.ts';
import { bareCause } from './bare-cause.ts';

/** The failures every object store driver tells in the same words and codes. */

/** No answer, or one that says to come again. */
export function storeUnavailable(where: string, cause: unknown): LakeError {
  return new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${where}: the store does not answer (${reason(cause)})`,
    { cause: bareCause(cause) },
  );
}

/** The disk or the quota is full. */
export function storeFull(where: string, cause: unknown): LakeError {
  return new LakeError('unavailable', 'LAKE_STORE_FULL', `${where}: the store is full; free space and try again`, {
    cause: bareCause(cause),
  });
}

/**
 * Wrong or missing credentials, or rights that do not allow this.
 *
 * @param right what the request takes, where that is known and the credentials are good
 */
export function storeDenied(where: string, cause: unknown, right?: string): LakeError {
  const hint =
    right === undefined
      ? 'check the credentials and the rights of this store'
      : `this takes the right ${right}; give it to the role that asks (docs/rights.md), or use the credentials of another`;
  return invalid('LAKE_STORE_DENIED', `${where}: access denied (${reason(cause)}); ${hint}`, {
    cause: bareCause(cause),
  });
}

/** The bucket or the root folder does not exist. */
export function storeNotFound(where: string, what: string, cause?: unknown): LakeError {
  return invalid('LAKE_STORE_NOT_FOUND', `${where}: ${what} does not exist; create it or correct the address`, {
    cause: bareCause(cause),
  });
}

/** The store understood the request and will not do it, now or later. */
export function storeRefused(where: string, cause: unknown): LakeError {
  return invalid('LAKE_STORE_REFUSED', `${where}: the store refuses the request (${reason(cause)})`, {
    cause: bareCause(cause),
  });
}

/** An object that is larger than its reader takes. */
export function objectTooLarge(where: string, sizeBytes: number, bytesMax: number): LakeError {
  return corrupt(
    'LAKE_OBJECT_TOO_LARGE',
    `${where}: ${sizeBytes} bytes, and of what it should be at most ${bytesMax} are read; it is broken, or not ours`,
  );
}

/** @throws LakeError `corrupt` LAKE_OBJECT_TOO_LARGE */
export function checkObjectSize(where: string, sizeBytes: number, bytesMax: number | undefined): void {
  if (bytesMax !== undefined && sizeBytes > bytesMax) throw objectTooLarge(where, sizeBytes, bytesMax);
}

/** The settings of a store make no sense. */
export function badStoreSettings(message: string, cause?: unknown): LakeError {
  return invalid('LAKE_BAD_SETTINGS', message, { cause: bareCause(cause) });
}

/** A store used after it was disposed of. */
export function storeClosed(uri: string): LakeError {
  return invalid('LAKE_STORE_CLOSED', `${uri}: the store has been closed; open it again`);
}

/** Whether it is about the store, which does not answer or does not let us, and not about what lies in it. */
export function isStoreFailure(error: LakeError): boolean {
  return error.code.startsWith('LAKE_STORE_');
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' || cause.message === 'UnknownError' ? cause.name : `${cause.name}: ${cause.message}`;
}
