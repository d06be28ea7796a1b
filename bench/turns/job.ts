/** What a turn is asked to do; the same for every contestant, each knows those it can do. */
import type { LakeSettings } from '../../src/index.ts';
import type { TablePlace } from '../workload/table.ts';

type TableOptions = Readonly<Record<string, string>>;

export type WriteJob = {
  readonly job: 'write';
  readonly warehouse: string;
  /** One for each pass, made by it before its clock begins. */
  readonly tables: readonly string[];
  readonly rows: number;
  readonly options: TableOptions;
};

/** Lines `{"op":"+I","row":{…}}` of a file into tables. */
export type WriteLinesJob = Omit<WriteJob, 'job'> & { readonly job: 'write-lines'; readonly input: string };

/** Of Paimon alone: the table of 11 runs is written. */
export type RunsJob = TablePlace & { readonly job: 'runs'; readonly rows: number; readonly options: TableOptions };

export type CompactJob = TablePlace & {
  readonly job: 'compact';
  /** What the process may have, where the contestant takes such a setting. */
  readonly memoryMb?: number | undefined;
};

export type ReadJob = TablePlace & {
  readonly job: 'read';
  /** Data files, for those that know no tables. */
  readonly files: readonly string[];
  readonly to: 'arrow' | 'rows' | 'sql';
  /** Only rows that pass. */
  readonly filter?: RowFilter | undefined;
  readonly passes: number;
  readonly memoryMb?: number | undefined;
};

export type RowFilter =
  | { readonly kind: 'ids'; readonly first: number; readonly last: number }
  | { readonly kind: 'category'; readonly value: string };

/** One-row commits by one writer into a table that is made before. */
export type CommitsJob = TablePlace & {
  readonly job: 'commits';
  readonly count: number;
  readonly options: TableOptions;
};

/** Rows by their key, one after the other. The first ones are not in the medians. */
export type LookupJob = TablePlace & {
  readonly job: 'lookup';
  readonly files: readonly string[];
  readonly ids: readonly number[];
  readonly warmUps: number;
};

/** Of us alone: rows through the log of the lake into a table. */
export type IngestJob = TablePlace & { readonly job: 'ingest'; readonly log: string; readonly rows: number };

/** Of us alone: a row at a time is written through the log and read back. */
export type FreshnessJob = TablePlace & {
  readonly job: 'freshness';
  readonly log: string;
  /** Of the same kind beside it, which nobody else uses. */
  readonly bareLog: string;
  /** How the services are reached that the addresses name. */
  readonly services: Pick<LakeSettings, 's3' | 'kinesis'>;
  readonly count: number;
};

/** Of us alone: commits to and plans of a table of so many data files, which are in its metadata only. */
export type PlanJob = { readonly job: 'plan'; readonly fileCounts: readonly number[] };

/** Of us alone: each bundled function from a fresh process to its first event, so many times on each Node. */
export type ColdStartJob = { readonly job: 'coldstart'; readonly starts: number };

export type Job =
  | WriteJob
  | WriteLinesJob
  | RunsJob
  | CompactJob
  | ReadJob
  | CommitsJob
  | LookupJob
  | IngestJob
  | FreshnessJob
  | PlanJob
  | ColdStartJob;
