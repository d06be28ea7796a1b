/** What a simulated run at scale is given, and what it tells. */

export type ScaleSettings = {
  readonly seed: number;
  /** `swap`: every writer swaps by itself; `message`: they leave it to a commit function, by messages. */
  readonly by: 'swap' | 'message';
  readonly writers: number;
  /** Data files that the table has at the beginning. */
  readonly files: number;
  /** Each writes to one of its own. */
  readonly buckets: number;
  readonly commitsPerWriter: number;
  /** A writer commits about this often, as long as it keeps up. */
  readonly everyMs: number;
};

export type ScaleFigures = {
  /** From the begin of a commit to the writer's knowing that it is in, in milliseconds of virtual time. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** Commits of writers. */
  readonly commits: number;
  readonly snapshots: number;
  /** Swaps that another's won, for each commit. */
  readonly lostSwapsPerCommit: number;
  readonly commitsPerSecond: number;
  readonly snapshotsPerSecond: number;
  /** Requests to the object store by kind, for each commit. */
  readonly requestsPerCommit: Readonly<Record<string, number>>;
  /** Virtual time from the first commit's begin to the last one's end. */
  readonly seconds: number;
};
