/** What became of the tables of a golden root, one verdict for each, and how it is told. */
import { unreachable } from '../base/assert.ts';
import { LakeError } from '../base/errors.ts';

export type GoldenVerdict = {
  readonly table: string;
  readonly status: 'passed' | 'failed' | 'refused';
  /** What differs; the names of the features that are refused; what stood in for something else. Empty: nothing to tell. */
  readonly detail: string;
};

export type GoldenSummary = { readonly passed: number; readonly failed: number; readonly refused: number };

export function summarizeGolden(verdicts: readonly GoldenVerdict[]): GoldenSummary {
  const count = (status: GoldenVerdict['status']): number => verdicts.filter(item => item.status === status).length;
  return { passed: count('passed'), failed: count('failed'), refused: count('refused') };
}

/** The line about a table; undefined: it passed and there is nothing to tell. */
export function printVerdict({ table, status, detail }: GoldenVerdict): string | undefined {
  switch (status) {
    case 'passed':
      return detail === '' ? undefined : `note    ${table}: ${detail}`;
    case 'failed':
      return `FAILED  ${table}: ${detail}`;
    case 'refused':
      return `refused ${table}: ${detail}`;
    default:
      return unreachable(status);
  }
}

export function printSummary({ passed, failed, refused }: GoldenSummary): string {
  return `${passed} passed, ${failed} failed, ${refused} refused`;
}

/**
 * What an error says of a table: a feature that is refused by its name, or a failure. Assertions are failures, too: one
 * table that shows a bug must not hide what the others show.
 */
export function verdictOfError(table: string, error: unknown): GoldenVerdict {
  if (error instanceof LakeError && error.kind === 'unsupported') {
    return { table, status: 'refused', detail: error.message };
  }
  const detail = error instanceof LakeError ? `${error.code} ${error.message}` : String(error);
  return { table, status: 'failed', detail };
}
