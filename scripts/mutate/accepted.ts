/**
 * Survivors that are accepted, each with its reason. A mutant is known by what it is and not by its line, so that the list
 * stays right while the file around it changes; when its own text changes, it is a new mutant and asks for a new look.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Mutant } from './find-mutants.ts';

export type AcceptedSurvivors = { readonly reason: string; readonly survivors: readonly AcceptedSurvivor[] };

export type AcceptedSurvivor = Pick<Mutant, 'file' | 'operator' | 'within' | 'original' | 'replacement'> & {
  /** Which of several alike; 1 unless said. */
  readonly occurrence?: number;
};

/** The reasons by `keyOf` the mutant. @throws Error when there is none, or a mutant is listed twice */
export function readAccepted(file: string): ReadonlyMap<string, string> {
  if (!existsSync(file)) return new Map();
  const groups: readonly AcceptedSurvivors[] = JSON.parse(readFileSync(file, 'utf8'));
  const reasons = new Map<string, string>();
  for (const { reason, survivors } of groups) {
    if (reason.trim() === '') throw new Error(`${file}: survivors without a reason`);
    for (const survivor of survivors) {
      const key = keyOf({ ...survivor, occurrence: survivor.occurrence ?? 1 });
      if (reasons.has(key)) throw new Error(`${file}: ${key} is listed twice`);
      reasons.set(key, reason);
    }
  }
  return reasons;
}

type Identity = Pick<Mutant, 'file' | 'operator' | 'within' | 'original' | 'replacement' | 'occurrence'>;

export function keyOf({ file, operator, within, original, replacement, occurrence }: Identity): string {
  return JSON.stringify([file, within, operator, original, replacement, occurrence]);
}
