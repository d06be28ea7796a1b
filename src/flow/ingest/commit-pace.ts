/**
 * When a long-lived ingest commits: the trade between how fresh tables are and what commits cost. Where rows come fast a
 * commit is worth its requests after a moment; where they trickle it waits for more of them, up to a bound; the first after a
 * quiet time do not wait for company that is not coming. Without rows there is no commit.
 *
 * Readers that read the log's tail, too, see rows at once whatever the pace.
 */
export type PaceSettings = {
  /** The soonest that rows are committed, ms after the first of them came. */
  readonly commitIntervalMs: number;
  /** The latest. Not above the interval: each commit is as soon as that. */
  readonly freshnessMs: number;
};

/** Rows that are worth a commit: about a megabyte, whose own requests are then most of what is written. */
const rowsWorthCommit = 5_000;
/** Weight of what was seen last in the rate that is remembered. */
const newestWeight = 0.5;

/** What is known of the load. */
export type Load = {
  /** Of the last commit; undefined: none yet. */
  readonly committedAtMs: number | undefined;
  readonly rowsPerSecond: number;
};

/** When rows of which the first came at `firstMs` are to be committed. */
export function commitDueMs(firstMs: number, load: Load, { commitIntervalMs, freshnessMs }: PaceSettings): number {
  const soonestMs = firstMs + commitIntervalMs;
  const { committedAtMs, rowsPerSecond } = load;
  if (committedAtMs === undefined || firstMs - committedAtMs >= freshnessMs) return soonestMs;
  const worthMs = rowsPerSecond > 0 ? (rowsWorthCommit * 1_000) / rowsPerSecond : freshnessMs;
  const latestMs = firstMs + Math.max(freshnessMs, commitIntervalMs);
  return Math.min(latestMs, Math.max(soonestMs, committedAtMs + worthMs));
}

/** The load after a commit. */
export function loadAfter(
  { committedAtMs, rowsPerSecond }: Load,
  commit: { readonly rowCount: number; readonly atMs: number },
): Load {
  const { rowCount, atMs } = commit;
  if (committedAtMs === undefined || atMs <= committedAtMs) return { committedAtMs: atMs, rowsPerSecond };
  const seen = (rowCount * 1_000) / (atMs - committedAtMs);
  return { committedAtMs: atMs, rowsPerSecond: rowsPerSecond * (1 - newestWeight) + seen * newestWeight };
}

export const noLoad: Load = { committedAtMs: undefined, rowsPerSecond: 0 };
