/** The failures every log store driver tells in the same words and codes. */
import { corrupt, invalid, LakeError } from '../base/errors.ts';
import { bareCause } from './bare-cause.ts';

/** No answer, or one that says to come again. */
export function logUnavailable(where: string, cause: unknown): LakeError {
  const message = `${where}: the log does not answer (${reason(cause)}); try again later`;
  return new LakeError('unavailable', 'LAKE_LOG_UNAVAILABLE', message, { cause: bareCause(cause) });
}

/** The disk or the quota is full. */
export function logFull(where: string, cause: unknown): LakeError {
  return new LakeError('unavailable', 'LAKE_LOG_FULL', `${where}: the disk is full; free space and try again`, {
    cause: bareCause(cause),
  });
}

/** Another process has held the lock of a shard for too long. */
export function logBusy(where: string, waitedMs: number): LakeError {
  return new LakeError(
    'unavailable',
    'LAKE_LOG_BUSY',
    `${where}: another process has held the lock for ${waitedMs} ms; if it is stopped, let it go on or end it`,
  );
}

/**
 * Wrong or missing credentials, or rights that do not allow this.
 *
 * @param right what the request takes, where that is known and the credentials are good
 */
export function logDenied(where: string, cause: unknown, right?: string): LakeError {
  const hint =
    right === undefined
      ? 'check the credentials and the rights of this log'
      : `this takes the right ${right}; give it to the role that asks (docs/rights.md), or use the credentials of another`;
  const message = `${where}: access denied (${reason(cause)}); ${hint}`;
  return invalid('LAKE_LOG_DENIED', message, { cause: bareCause(cause) });
}

/** The log, or a shard of it, is not there (any more). */
export function logNotFound(where: string, what: string, cause?: unknown): LakeError {
  return invalid('LAKE_LOG_NOT_FOUND', `${where}: ${what}`, { cause: bareCause(cause) });
}

/** A position that this shard never gave. */
export function badPosition(where: string, position: bigint, why: string): LakeError {
  return invalid('LAKE_LOG_POSITION', `${where}: position ${position} ${why}; read from 'earliest' or a kept position`);
}

export function logCorrupt(where: string, what: string): LakeError {
  return corrupt('LAKE_LOG_CORRUPT', `${where}: ${what}; keep the files and restore the log from a copy`);
}

/** The log understood the request and will not do it, now or later. */
export function logRefused(where: string, cause: unknown): LakeError {
  return invalid('LAKE_LOG_REFUSED', `${where}: the log refuses the request (${reason(cause)})`, {
    cause: bareCause(cause),
  });
}

/** The settings of a log make no sense. */
export function badLogSettings(message: string): LakeError {
  return invalid('LAKE_BAD_SETTINGS', message);
}

/** A log used after it was disposed of. */
export function logClosed(uri: string): LakeError {
  return invalid('LAKE_LOG_CLOSED', `${uri}: the log has been closed; open it again`);
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' || cause.message === 'UnknownError' ? cause.name : `${cause.name}: ${cause.message}`;
}
