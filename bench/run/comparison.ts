/** What a bench compares: jobs that contestants do in turn, and what their answers must be. */
import type { Job } from '../turns/job.ts';
import type { WorkTables } from '../workload/tables.ts';
import type { Contestant, Peer } from './contestants.ts';
import type { Goal } from './goals.ts';
import type { Command, Turn } from './turn.ts';

export type Comparison = {
  /** Of the case: `write`, `read-compacted/arrow`. */
  readonly name: string;
  /** What the figures contain. */
  readonly what: string;
  /** Who can take part. */
  readonly peers: readonly Peer[];
  /** Who does when nothing else is said. */
  readonly usualPeers: readonly Peer[];
  readonly goals: readonly Goal[];
  /** Where more say nothing more. */
  readonly roundsMax?: number;
  /** Among all benches, where the usual rounds take too long. */
  readonly roundsInAll?: number;
  /** Our turn, where it is not one of those that are built (turns/). */
  readonly ownTurn?: Command;
  /** Makes what all turns need. */
  open(tables: WorkTables): Promise<OpenedComparison>;
};

export type OpenedComparison = {
  /** Makes what a turn needs, outside its clocks. */
  job(contestant: Contestant): Promise<Job>;
  /** @throws Error when the turn's answer is wrong */
  check(turn: Turn, job: Job): Promise<void>;
  /** Ends what it has started, after the last turn, or one that failed. */
  close?(): Promise<void>;
};
