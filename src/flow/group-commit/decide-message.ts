/**
 * Whether a commit message can be applied on a base, after those before it (DESIGN I8). Pure.
 *
 * A message that does not fit is dropped for good: its sender still owes the rows and will notice.
 */
import { present } from '../../base/assert.ts';
import { uploadIsYoung } from '../../table/commit/decide-guards.ts';
import type { BucketPlace } from '../../table/commit/request.ts';
import { bucketKey } from '../../table/live-files.ts';
import { addCounters, type IngestState, newestArrivalMs, withoutForgotten } from '../ingest/state.ts';
import { eventsAfter } from '../shard-events.ts';
import type { CommitMessage } from './commit-message.ts';

/** What the base says. */
export type MessageBase = {
  readonly tableId: string | undefined;
  readonly storeTimeMs: number;
  readonly schemaId: number;
  /** Option `bucket` of the schema in force; undefined: a hash index says where keys are, which no message brings. */
  readonly bucketCount: number | undefined;
  /** Append tables without fixed buckets have no order of sequence numbers. */
  readonly isUnordered: boolean;
  readonly isPartition: (bytes: Uint8Array) => boolean;
};

/** The base with the messages applied so far. */
export type MessageProgress = {
  readonly state: IngestState;
  /** By `bucketKey`: the largest sequence number there, as far as it was asked for. */
  readonly floors: ReadonlyMap<string, bigint>;
  readonly fileNames: ReadonlySet<string>;
};

export type MessageRule =
  | 'table'
  | 'log'
  | 'position'
  | 'upload-age'
  | 'schema'
  | 'bucket-count'
  | 'file-name'
  | 'partition'
  | 'sequence';

export type MessageDecision =
  | { readonly kind: 'apply'; readonly next: MessageProgress }
  | { readonly kind: 'drop'; readonly rule: MessageRule; readonly why: string }
  /** Ask again when the floors of these buckets are known. */
  | { readonly kind: 'look'; readonly at: readonly BucketPlace[] };

type Misfit = { readonly rule: MessageRule; readonly why: string };

export function decideMessage(message: CommitMessage, base: MessageBase, progress: MessageProgress): MessageDecision {
  const misfit = misfitOf(message, base, progress.state) ?? misfitFile(message, base, progress.fileNames);
  if (misfit !== undefined) return { kind: 'drop', ...misfit };
  const { files } = message;
  const floors = new Map(progress.floors);
  if (!base.isUnordered) {
    const unknown = files.filter(file => !floors.has(bucketKey(file)));
    if (unknown.length > 0) return { kind: 'look', at: unknown };
    for (const planned of files) {
      const floor = floorOf(floors, planned);
      if (planned.file.minSequenceNumber > floor) continue;
      return { kind: 'drop', rule: 'sequence', why: `bucket ${planned.bucket} has numbers up to ${floor} (S6)` };
    }
    for (const planned of files) {
      const { maxSequenceNumber } = planned.file;
      if (maxSequenceNumber > floorOf(floors, planned)) floors.set(bucketKey(planned), maxSequenceNumber);
    }
  }
  const fileNames = new Set([
    ...progress.fileNames,
    ...[...files, ...message.changelog].map(({ file }) => file.fileName),
  ]);
  return { kind: 'apply', next: { state: stateAfter(progress.state, message), floors, fileNames } };
}

function misfitOf(message: CommitMessage, base: MessageBase, state: IngestState): Misfit | undefined {
  if (message.tableId !== base.tableId) return { rule: 'table', why: 'it is of another table' };
  if (state.incarnation !== message.incarnation) return { rule: 'log', why: 'it is of another log' };
  const position = state.shards.get(message.shardId)?.position;
  if (position !== message.from) {
    const why = `shard ${message.shardId} is at ${position ?? 'nothing'}, it starts at ${message.from ?? 'nothing'}`;
    return { rule: 'position', why };
  }
  if (!uploadIsYoung(message.uploadBeganMs, base.storeTimeMs)) {
    return { rule: 'upload-age', why: 'its files are too old (S7)' };
  }
  if (message.schemaId > base.schemaId) return { rule: 'schema', why: `schema ${message.schemaId} is not there` };
  return undefined;
}

function misfitFile(
  { files, changelog }: CommitMessage,
  { bucketCount, isPartition }: MessageBase,
  fileNames: ReadonlySet<string>,
): Misfit | undefined {
  for (const { totalBuckets, partition, file } of [...files, ...changelog]) {
    if (totalBuckets !== bucketCount) {
      const why =
        bucketCount === undefined ? 'its buckets are dynamic' : `it counts ${totalBuckets} buckets, not ${bucketCount}`;
      return { rule: 'bucket-count', why };
    }
    if (fileNames.has(file.fileName)) return { rule: 'file-name', why: `${file.fileName} has come before` };
    if (!isPartition(partition)) {
      return { rule: 'partition', why: `${file.fileName} is of no partition of this table` };
    }
  }
  return undefined;
}

function stateAfter(state: IngestState, message: CommitMessage): IngestState {
  const { position, arrivalMs } = message.to;
  const entry = { position, row: 0, arrivalMs, ended: message.ended };
  const shards = new Map([...state.shards, [message.shardId, entry]]);
  const { events } = message;
  return {
    ...state,
    shards,
    events:
      events === undefined ? state.events : eventsAfter(state.events, events, shards, newestArrivalMs({ shards })),
    producers: withoutForgotten(new Map([...state.producers, ...message.producers]), message.forgotten),
    counters: addCounters(state.counters, message.counters),
  };
}

function floorOf(floors: ReadonlyMap<string, bigint>, place: BucketPlace): bigint {
  return present(floors.get(bucketKey(place)), 'a floor, which is looked for first');
}
