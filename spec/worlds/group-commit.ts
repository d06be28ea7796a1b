/**
 * Group commit: two ingests that send messages, and a commit function that gets any of them in any order, late, twice or
 * never, with one among them that is poisoned (PROTOCOL 6; rules I2, I8 with S6, S7).
 *
 * The commit function's step looks at the head, decides message by message, asks the guards and swaps, as
 * apply-messages.ts does; what the guards refuse costs the message it came from. A message once sent may come at any time.
 */
import type { CommitMessage } from '../../src/flow/group-commit/commit-message.ts';
import type { MessageBase, MessageProgress, MessageRule } from '../../src/flow/group-commit/decide-message.ts';
import { emptyState, type IngestState, noCounters } from '../../src/flow/ingest/state.ts';
import { commitPlan } from '../../src/table/commit/request.ts';
import { bucketKey } from '../../src/table/live-files.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { StateText, symmetricText } from '../state-text.ts';
import {
  afterCommit,
  type Bucket,
  type DataFile,
  emptyBucket,
  floorOf,
  guardFacts,
  identifierOf,
  minuteMs,
  newestRows,
  plannedFile,
  writeFile,
} from './bucket.ts';

export type GroupCommitBounds = {
  readonly records: number;
  /** Messages of each ingest. */
  readonly messages: number;
  readonly poisons: readonly Poison[];
};

/** What is wrong with the message that should never have been sent. */
export type Poison = Exclude<MessageRule, 'position'> | 'none';

type Sent = {
  readonly message: CommitMessage;
  readonly files: readonly DataFile[];
};

type Sender = {
  readonly phase: 'idle' | 'waiting';
  readonly left: number;
  readonly from: number;
  readonly to: number;
};

type GroupState = {
  readonly bucket: Bucket;
  readonly state: IngestState;
  readonly now: number;
  /** Everything ever sent: it may come again. */
  readonly sent: readonly Sent[];
  readonly senders: readonly [Sender, Sender];
  /** Records that some ingest has acknowledged to the log. */
  readonly acknowledged: number;
  readonly names: number;
  readonly breach: string | undefined;
};

const shardId = 'shard';
const incarnation = 'log-1';
const tableId = 't';
/** More than U. */
const oldUploadMin = 721;
const foreignRow = 99;
const base: Omit<MessageBase, 'storeTimeMs'> = {
  tableId,
  schemaId: 0,
  bucketCount: 1,
  isUnordered: false,
  isPartition: bytes => bytes.length === 0,
};

export function groupCommitWorld(deciders: Deciders, bounds: GroupCommitBounds): Model<GroupState> {
  const sender: Sender = { phase: 'idle', left: bounds.messages, from: 0, to: 0 };
  const initial = bounds.poisons.map((poison): GroupState => {
    return {
      bucket: emptyBucket,
      state: emptyState(incarnation),
      now: oldUploadMin,
      sent: poison === 'none' ? [] : poisoned(poison),
      senders: [sender, sender],
      acknowledged: 0,
      names: 10,
      breach: undefined,
    };
  });
  return {
    name: 'group commit',
    initial,
    steps: state => stepsOf(state, deciders, bounds),
    textOf: state => symmetricText(order => textOf(state, order)),
    breachOf: state => state.breach ?? lossBreach(state),
  };
}

function positionOf({ state }: GroupState): number {
  return Number(state.shards.get(shardId)?.position ?? 0n);
}

/** P20: what was acknowledged is in the table. */
function lossBreach(state: GroupState): string | undefined {
  const isLost = state.acknowledged > positionOf(state);
  return isLost ? `P20: record ${state.acknowledged} is acknowledged and not in the table` : undefined;
}

/** A file with the records above `from` up to `to`; one row a record, numbered from `sequence`. */
function fileOf(name: number, span: { readonly from: number; readonly to: number }, sequence: number): DataFile {
  const rows = Array.from({ length: span.to - span.from }, (_, at) => {
    return { key: 0, sequence: sequence + at, isDelete: false, change: span.from + at + 1 };
  });
  return { name, level: 0, bucket: 0, totalBuckets: 1, schemaId: 0, uploadBegan: oldUploadMin, rows };
}

function sentOf(files: readonly DataFile[], from: number, to: number, changes: Partial<CommitMessage> = {}): Sent {
  const message: CommitMessage = {
    tableId,
    tableName: 'd.t',
    schemaId: 0,
    incarnation,
    shardId,
    from: from === 0 ? undefined : BigInt(from),
    to: { position: BigInt(to), arrivalMs: to },
    ended: false,
    files: files.map(plannedFile),
    changelog: [],
    producers: new Map(),
    forgotten: [],
    counters: noCounters,
    events: undefined,
    deadLetters: [],
    origins: new Map(),
    uploadBeganMs: oldUploadMin * minuteMs,
    ...changes,
  };
  return { message, files };
}

/** A message that fits but for one thing. */
function poisoned(poison: Exclude<Poison, 'none'>): readonly Sent[] {
  const first = fileOf(0, { from: 0, to: 1 }, 0);
  const foreign: DataFile = { ...first, rows: first.rows.map(row => ({ ...row, change: foreignRow })) };
  switch (poison) {
    case 'table':
      return [sentOf([foreign], 0, 1, { tableId: 'another' })];
    case 'log':
      return [sentOf([foreign], 0, 1, { incarnation: 'log-0' })];
    case 'schema':
      return [sentOf([foreign], 0, 1, { schemaId: 7 })];
    case 'bucket-count':
      return [sentOf([{ ...foreign, totalBuckets: 2 }], 0, 1)];
    case 'partition': {
      const { message, files } = sentOf([foreign], 0, 1);
      const strange = message.files.map(file => ({ ...file, partition: Uint8Array.of(9) }));
      return [{ message: { ...message, files: strange }, files }];
    }
    case 'upload-age': {
      const old: DataFile = { ...first, uploadBegan: 0, rows: foreign.rows };
      return [sentOf([old], 0, 1, { uploadBeganMs: 0 })];
    }
    case 'file-name':
      return [sentOf([first], 0, 1), sentOf([first], 1, 2)];
    case 'sequence':
      return [sentOf([first], 0, 1), sentOf([fileOf(1, { from: 1, to: 2 }, 0)], 1, 2)];
  }
}

function stepsOf(state: GroupState, deciders: Deciders, bounds: GroupCommitBounds): readonly Step<GroupState>[] {
  if (state.breach !== undefined) return [];
  const steps = ([0, 1] as const).flatMap(index => senderSteps(state, index, bounds));
  for (const [first, message] of state.sent.entries()) {
    steps.push(...applySteps(state, [message], `message ${first}`, deciders));
    for (const [second, other] of state.sent.entries()) {
      steps.push(...applySteps(state, [message, other], `messages ${first} and ${second}`, deciders));
    }
  }
  return steps;
}

/** Looks at the head, sends what it owes from there, and waits until the position has moved. */
function senderSteps(state: GroupState, index: 0 | 1, { records }: GroupCommitBounds): readonly Step<GroupState>[] {
  const sender = state.senders[index];
  const who = `ingest ${'XY'[index]}`;
  const position = positionOf(state);
  if (sender.phase === 'idle') {
    if (sender.left === 0 || position === records) return [];
    return [...new Set([position + 1, records])].map(to => {
      const file = fileOf(state.names, { from: position, to }, floorOf(state.bucket) + 1);
      const waiting: Sender = { phase: 'waiting', left: sender.left - 1, from: position, to };
      const sent = [...state.sent, sentOf([file], position, to)];
      return {
        label: `${who} sends message ${state.sent.length}: records above ${position} up to ${to}`,
        next: { ...withSender(state, index, waiting), sent, names: state.names + 1 },
      };
    });
  }
  if (position === sender.to) {
    const done = withSender(state, index, { ...sender, phase: 'idle' });
    return [
      {
        label: `${who} sees ${position} and acknowledges`,
        next: { ...done, acknowledged: Math.max(state.acknowledged, sender.to) },
      },
    ];
  }
  const what = position === sender.from ? 'has waited long enough' : `sees ${position} and begins again`;
  return [{ label: `${who} ${what}`, next: withSender(state, index, { ...sender, phase: 'idle' }) }];
}

function applySteps(
  state: GroupState,
  batch: readonly Sent[],
  what: string,
  deciders: Deciders,
): readonly Step<GroupState>[] {
  const refused = new Set<Sent>();
  // The guards refuse a message at a time.
  for (let round = 0; round <= batch.length; round += 1) {
    const { applied, progress } = sorted(state, batch, refused, deciders);
    if (applied.length === 0) return [];
    const files = applied.flatMap(sent => sent.files);
    const adds = applied.flatMap(({ message }) => message.files);
    const plan = commitPlan({ kind: 'APPEND', schemaId: 0, adds });
    const facts = guardFacts(state.bucket, files, { baseStoreTimeMs: state.now * minuteMs });
    const verdict = deciders.decideGuards(plan, withPartitions(facts, adds));
    if (verdict.kind === 'conflict') return [];
    if (verdict.kind === 'pass') {
      const next = { ...state, bucket: afterCommit(state.bucket, { adds: files }), state: progress.state };
      return [{ label: `the commit function applies of ${what} ${applied.length}`, next: checked(next, state, files) }];
    }
    const names = new Set(verdict.again.files.map(({ file }) => file.fileName));
    for (const sent of batch) if (sent.message.files.some(({ file }) => names.has(file.fileName))) refused.add(sent);
  }
  return [];
}

/** A poisoned partition has a bucket of its own, empty as far as the base knows. */
function withPartitions(
  facts: ReturnType<typeof guardFacts>,
  adds: readonly CommitMessage['files'][number][],
): ReturnType<typeof guardFacts> {
  const nothing = { sequenceFloor: -1n, live: [], repeated: new Set<string>() };
  const buckets = new Map(adds.map(add => [bucketKey(add), facts.buckets.get(bucketKey(add)) ?? nothing]));
  return { ...facts, buckets };
}

function sorted(
  state: GroupState,
  batch: readonly Sent[],
  refused: ReadonlySet<Sent>,
  { decideMessage }: Deciders,
): { readonly applied: readonly Sent[]; readonly progress: MessageProgress } {
  const facts: MessageBase = { ...base, storeTimeMs: state.now * minuteMs };
  let progress: MessageProgress = { state: state.state, floors: new Map(), fileNames: new Set() };
  const applied: Sent[] = [];
  for (const sent of batch) {
    if (refused.has(sent)) continue;
    let decision = decideMessage(sent.message, facts, progress);
    if (decision.kind === 'look') {
      const floors = new Map(progress.floors);
      for (const place of decision.at) floors.set(bucketKey(place), BigInt(floorOf(state.bucket)));
      progress = { ...progress, floors };
      decision = decideMessage(sent.message, facts, progress);
    }
    if (decision.kind !== 'apply') continue;
    progress = decision.next;
    applied.push(sent);
  }
  return { applied, progress };
}

/** P18: each record once, in order. P19: positions go forward. P13: nothing that is another's. */
function checked(next: GroupState, before: GroupState, added: readonly DataFile[]): GroupState {
  const rows = next.bucket.live.flatMap(file => file.rows.map(({ change }) => change));
  if (rows.includes(foreignRow))
    return { ...next, breach: 'P13: rows that are not of this table, or not fit for it, come in' };
  if (rows.some((change, at) => change !== at + 1))
    return { ...next, breach: `P18: the table has records ${rows.join(', ')}` };
  if (rows.length !== positionOf(next)) return { ...next, breach: 'P18: the position is not that of the records' };
  if (positionOf(next) <= positionOf(before)) return { ...next, breach: 'P19: the position does not go forward' };
  if (newestRows(next.bucket.live) === 'tie')
    return { ...next, breach: 'P6: two rows of a key have one sequence number' };
  const floor = floorOf(before.bucket);
  const isLow = added.some(file => file.rows.some(({ sequence }) => sequence <= floor));
  return isLow ? { ...next, breach: 'P6: a later row has a lower sequence number' } : next;
}

function withSender(state: GroupState, index: 0 | 1, sender: Sender): GroupState {
  const [a, b] = state.senders;
  return { ...state, senders: index === 0 ? [sender, b] : [a, sender] };
}

function textOf(state: GroupState, order: readonly [0, 1] | readonly [1, 0]): string {
  const text = new StateText();
  text.numbers(positionOf(state), state.acknowledged).flags(state.breach !== undefined);
  const write = (file: DataFile): void => {
    writeFile(text, file);
    text.numbers(...file.rows.map(({ change }) => change));
  };
  text.list(state.bucket.live, write);
  for (const index of order) {
    const { phase, left, from, to } = state.senders[index];
    text.numbers(left).flags(phase === 'waiting');
    if (phase === 'waiting') text.numbers(from, to);
  }
  // Messages below the position can never be applied again while the guards hold; without them all of it matters.
  return text.list(state.sent, ({ message, files }) => {
    text.numbers(Number(message.from ?? 0n), Number(message.to.position), message.schemaId);
    text.numbers(...message.files.map(({ partition }) => partition.length));
    text.flags(message.tableId === tableId, message.incarnation === incarnation);
    text.list(files, file => {
      write(file);
      text.flags(state.bucket.live.some(live => identifierOf(live) === identifierOf(file)));
    });
  }).text;
}
