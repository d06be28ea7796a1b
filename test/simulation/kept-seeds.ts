/** Seeds that found something once. They run with every check. */
export type KeptSeed = {
  readonly scenario: string;
  readonly seed: number;
  /** What was wrong. */
  readonly why: string;
};

export const keptSeeds: readonly KeptSeed[] = [
  {
    scenario: 'functions',
    seed: 207_780_463,
    why: 'a stale list of shards made ingest forget ended shards of a log that forgets nothing, and read them again',
  },
  {
    scenario: 'functions',
    seed: 2,
    why: 'a drop cut short between the fence and the schema held up ingest of every table in its shards',
  },
  {
    scenario: 'functions',
    seed: 2019,
    why: 'a table of which nothing came for longer than the log keeps records was said to have lost some',
  },
  {
    scenario: 'workers',
    seed: 1_179_046_202,
    why: 'a table dropped between the listing of its schemas and the look at the newest was said to be corrupt',
  },
  {
    scenario: 'workers',
    seed: 70_258,
    why: 'a reader that had opened a table was shown the rows of the one made again under its name',
  },
  {
    scenario: 'functions',
    seed: 80_014,
    why: 'CREATE TABLE IF NOT EXISTS said that the table is not there, where a drop ended at that moment',
  },
  {
    scenario: 'latecomers',
    seed: 1_358_529_471,
    why: 'a committer that had stood still took an expired number, filled again by a late writer, for the head and built on it',
  },
  {
    scenario: 'kinds',
    seed: 61_027,
    why: 'a change of rows that had opened the table before a column came wrote rows anew without what they had in it',
  },
  {
    scenario: 'kinds',
    seed: 61_122,
    why: 'a compaction that had looked at the schema before a column came took rows that had it, and lost its values',
  },
  {
    scenario: 'streams',
    seed: 17,
    why: 'a log in the bucket had a gap for every reader when retention had removed all of a shard that was split',
  },
  {
    scenario: 'streams',
    seed: 5,
    why: 'who came back to the last record of a quiet shard after that had expired was refused, with nothing missed',
  },
];
