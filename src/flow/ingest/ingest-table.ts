/**
 * Takes records of one table in, exactly once: rows, positions, producer numbers, dead letters and counters become
 * visible with one swap, or nothing does (DESIGN I2).
 */
import { noSpans, type Spans } from '../../base/spans.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Committer } from '../../table/commit/commit.ts';
import { type CommitBase, type ConflictRule, commitPlan, type PlannedUpload } from '../../table/commit/request.ts';
import { planIndex } from '../../table/index-plan.ts';
import type { Table } from '../../table/table.ts';
import { batchCommitIdentifier } from '../../table/write/table-writer.ts';
import { addDeadLetterFiles, type StoredList } from './dead-letter-list.ts';
import { storeState } from './load-state.ts';
import { type NextStateInput, nextState, watermarkOfState } from './next-state.ts';
import { type IngestCounters, noCounters } from './state.ts';
import { storeOrigins } from './stored-origins.ts';
import { type Prepared, Take, type TakeInput } from './take.ts';

export type { ShardBatch } from './take.ts';

export type IngestInput = TakeInput &
  NextStateInput & {
    readonly commitUser: string;
    readonly signal?: AbortSignal | undefined;
    readonly spans?: Spans | undefined;
  };

export type IngestOutcome =
  | {
      readonly status: 'committed';
      readonly snapshot: Snapshot;
      /** Of this commit alone. */
      readonly counters: IngestCounters;
      readonly requests: number;
      readonly attempts: number;
    }
  /** Somebody else has taken some of it: read from the recorded positions again. */
  | { readonly status: 'changed'; readonly detail: string }
  | { readonly status: 'conflict'; readonly rule: ConflictRule; readonly detail: string }
  | { readonly status: 'unknown'; readonly detail: string }
  /** The table is gone: its rows count as a dropped table's. */
  | { readonly status: 'fenced'; readonly detail: string };

export async function ingestTable(
  table: Table,
  committer: Committer,
  store: ObjectStore,
  input: IngestInput,
): Promise<IngestOutcome> {
  const take = new Take(table, store, input);
  let counters = noCounters;
  const outcome = await committer.commit({
    commitUser: input.commitUser,
    commitIdentifier: batchCommitIdentifier,
    signal: input.signal,
    plan: async (base, again) => {
      const notes = { table: table.label };
      const prepared = await (input.spans ?? noSpans).run('write', notes, () => take.prepare(base, again));
      if (prepared.status === 'stop') return prepared;
      counters = prepared.counters;
      const { hashes } = prepared;
      const list = await listLetters(table, base, prepared);
      const next = nextState(prepared, input, list?.listName ?? prepared.state.deadLetters);
      const [stored, origins] = await Promise.all([storeState(table, next), storeOrigins(table, prepared.origins)]);
      return commitPlan({
        kind: 'APPEND',
        schemaId: prepared.schema.id,
        adds: prepared.adds,
        changelog: prepared.changelog,
        index: hashes === undefined ? undefined : await planIndex(table, base, hashes, []),
        hashReads: hashes?.reads ?? [],
        watermark: watermarkOfState(next, prepared.schema),
        properties: { ...stored.properties, ...origins.properties },
        uploads: [...stored.uploads, ...origins.uploads, ...(list?.uploads ?? [])],
      });
    },
  });
  switch (outcome.status) {
    case 'committed': {
      const requests = Object.values(outcome.requests).reduce((sum, count) => sum + count, 0);
      return { status: 'committed', snapshot: outcome.snapshot, counters, requests, attempts: outcome.attempts };
    }
    case 'fenced':
      return { status: 'fenced', detail: outcome.reason };
    case 'conflict':
      return { status: 'conflict', rule: outcome.rule, detail: outcome.detail };
    default:
      return { status: outcome.status, detail: outcome.detail };
  }
}

async function listLetters(
  table: Table,
  base: CommitBase,
  { letters, state }: Prepared,
): Promise<StoredList | undefined> {
  if (letters === undefined) return undefined;
  const list = await addDeadLetterFiles(table, { listName: state.deadLetters, base }, [letters.file]);
  const ofFile: PlannedUpload = { name: letters.file.name, uploadBeganMs: letters.uploadBeganMs };
  return { listName: list.listName, uploads: [ofFile, ...list.uploads] };
}
