/** What an append says of a call as a whole. */
import { LakeError } from '../base/errors.ts';
import type { LogAppendOutcome } from './log-store.ts';

/** Throws the cause when nothing of the call was appended and sending it again does not help: no rights, no log any more. */
export function throwIfHopeless(outcomes: readonly LogAppendOutcome[]): void {
  const [first] = outcomes;
  if (first?.status === 'failed' && outcomes.every(isHopeless)) throw first.cause;
}

function isHopeless(outcome: LogAppendOutcome): boolean {
  return outcome.status === 'failed' && outcome.cause instanceof LakeError && outcome.cause.kind !== 'unavailable';
}
