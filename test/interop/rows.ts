/** Comparing long lists of rows so that a failure shows a row and not the list. */
export type RowDifference = {
  readonly at: number;
  readonly read: string | undefined;
  readonly expected: string | undefined;
  readonly rowsRead: number;
  readonly rowsExpected: number;
};

/** The first place where two sorted lists differ; undefined when they are equal. */
export function firstDifference(read: readonly string[], expected: readonly string[]): RowDifference | undefined {
  for (let at = 0; at < Math.max(read.length, expected.length); at += 1) {
    if (read[at] === expected[at]) continue;
    return { at, read: read[at], expected: expected[at], rowsRead: read.length, rowsExpected: expected.length };
  }
  return undefined;
}
