/** What a turn is asked to do; the same for every contestant, each knows those it can do. */
import type { TablePlace } from '../workload/table.ts';

export type WriteJob = {
  readonly job: 'write';
  readonly warehouse: string;
  /** One for each pass, made by it before its clock begins. */
  readonly tables: readonly string[];
  readonly rows: number;
  readonly commits: number;
  readonly options: Readonly<Record<string, string>>;
};

/** Of Paimon alone: the table of 11 runs is written. */
export type RunsJob = TablePlace & {
  readonly job: 'runs';
  readonly rows: number;
  readonly options: Readonly<Record<string, string>>;
};

export type CompactJob = TablePlace & { readonly job: 'compact' };

export type ReadJob = TablePlace & {
  readonly job: 'read';
  /** Data files, for those that know no tables. */
  readonly files: readonly string[];
  readonly to: 'arrow' | 'rows' | 'sql';
  readonly passes: number;
};

export type Job = WriteJob | RunsJob | CompactJob | ReadJob;
