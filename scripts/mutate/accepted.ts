/**
 * Survivors that are accepted, each with its reason. A mutant is known by what it is and not by its line, so that the list
 * stays right while the file around it changes; when its own text changes, it is a new mutant and asks for a new look.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Mutant } from './find-mutants.ts';

export type AcceptedSurvivor = Pick<Mutant, 'file' | 'operator' | 'within' | 'original' | 'replacement'> & {
  /** Which of several alike; 1 unless said. */
  readonly occurrence?: number;
  readonly reason: string;
};

/** The reasons by `keyOf` the mutant. @throws Error when one has no reason or is listed twice */
export function readAccepted(file: string): ReadonlyMap<string, string> {
  if (!existsSync(file)) return new Map();
  const listed: readonly AcceptedSurvivor[] = JSON.parse(readFileSync(file, 'utf8'));
  const reasons = new Map<string, string>();
  for (const survivor of listed) {
    const key = keyOf({ ...survivor, occurrence: survivor.occurrence ?? 1 });
    if (reasons.has(key)) throw new Error(`${file}: ${key} is listed twice`);
    if (survivor.reason.trim() === '') throw new Error(`${file}: ${key} has no reason`);
    reasons.set(key, survivor.reason);
  }
  return reasons;
}

type Identity = Pick<Mutant, 'file' | 'operator' | 'within' | 'original' | 'replacement' | 'occurrence'>;

export function keyOf({ file, operator, within, original, replacement, occurrence }: Identity): string {
  return JSON.stringify([file, within, operator, original, replacement, occurrence]);
}
