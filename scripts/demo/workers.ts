/** What does the demo's work while it streams: a worker process, or the functions of the local cloud. */

export type DemoWorkers = AsyncDisposable & {
  readonly figures: {
    committedRows: number;
    /** On `performance.now()`. */
    lastCommitAtMs: number;
    kills: number;
    readonly problems: string[];
  };
  /** After the table has been made. */
  start(): Promise<void>;
  /** Kills it in its middle, and it goes on. */
  killAndRestart(): Promise<void>;
  /** Lets it finish what it is at, and then do nothing more. */
  stop(): Promise<void>;
  reportLines(): readonly string[];
};
