/**
 * Ingest of one producer's lane over a log whose shard is split: repeats by the producer, batches that come again or with a
 * hole, two ingests at once that may die at any place (PROTOCOL 6; rules L1, I2, I3, I4, I5).
 *
 * An ingest takes the steps of take-records.ts, read-owed.ts and ingest-table.ts: it looks at the head, decides, reads the
 * log where that is asked for, and commits at the head of another moment; a swap that is lost looks again.
 */
import { unreachable } from '../../src/base/assert.ts';
import {
  emptyState,
  type IngestState,
  noCounters,
  type ProducerState,
  producerKey,
} from '../../src/flow/ingest/state.ts';
import type { RoutedRecord } from '../../src/flow/ingest/tail.ts';
import type { ShardBatch } from '../../src/flow/ingest/take.ts';
import type { LogDescription, LogShard } from '../../src/storage/log-store.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { replaced, StateText, symmetricText } from '../state-text.ts';

export type IngestBounds = {
  /** Records of the producer; each may be appended once more than it must. */
  readonly records: number;
  readonly repeats: number;
  readonly deaths: number;
  /** Batches that an invoker hands over without their first record. */
  readonly holes: number;
};

/** 0 is the parent, 1 the child. */
type ShardIndex = 0 | 1;

type Ingest = {
  readonly phase: 'idle' | 'handed' | 'ready';
  readonly shard: ShardIndex;
  /** Records of the shard that were handed over: [begin, end). */
  readonly begin: number;
  readonly end: number;
  readonly batches: readonly ShardBatch[];
};

type IngestWorldState = {
  /** Producer numbers by shard, in the log's order. */
  readonly log: readonly [readonly number[], readonly number[]];
  readonly isSplit: boolean;
  readonly appended: number;
  /** What the table has, in the order of commits, and what its head says of the log. */
  readonly rows: readonly number[];
  readonly state: IngestState | undefined;
  /** Records that invokers need not hand over again, by shard. */
  readonly acknowledged: readonly [number, number];
  readonly ingests: readonly [Ingest, Ingest];
  readonly left: IngestBounds;
  readonly breach: string | undefined;
};

const shardIds = ['parent', 'child'] as const;
const incarnation = 'log-1';
const lane = producerKey('p', 0);
const idle: Ingest = { phase: 'idle', shard: 0, begin: 0, end: 0, batches: [] };

export function ingestWorld(deciders: Deciders, bounds: IngestBounds): Model<IngestWorldState> {
  const initial: IngestWorldState = {
    log: [[], []],
    isSplit: false,
    appended: 0,
    rows: [],
    state: undefined,
    acknowledged: [0, 0],
    ingests: [idle, idle],
    left: bounds,
    breach: undefined,
  };
  return {
    name: 'ingest',
    initial: [initial],
    steps: world => stepsOf(world, deciders),
    textOf: world => symmetricText(order => textOf(world, order)),
    breachOf: world => world.breach ?? lossBreach(world),
  };
}

/** P20: what was acknowledged is in the table. */
function lossBreach({ log, acknowledged, rows }: IngestWorldState): string | undefined {
  const owed = shardIds.flatMap((_, shard) => log[shard]?.slice(0, acknowledged[shard]) ?? []);
  const lost = owed.find(number => !rows.includes(number));
  return lost === undefined ? undefined : `P20: record ${lost} is acknowledged to the log and not in the table`;
}

function stepsOf(world: IngestWorldState, deciders: Deciders): readonly Step<IngestWorldState>[] {
  if (world.breach !== undefined) return [];
  const steps = [...producerSteps(world)];
  for (const index of [0, 1] as const) {
    steps.push(...ingestSteps(world, index, deciders));
    if (world.left.deaths > 0 && world.ingests[index].phase !== 'idle') {
      const left = { ...world.left, deaths: world.left.deaths - 1 };
      steps.push({ label: `ingest ${'XY'[index]} dies`, next: withIngest({ ...world, left }, index, idle) });
    }
  }
  return steps;
}

/** One record unacknowledged at a time (L1): the next comes after the last, and after its repeats. */
function producerSteps(world: IngestWorldState): readonly Step<IngestWorldState>[] {
  const { appended, left, isSplit } = world;
  const steps: Step<IngestWorldState>[] = [];
  if (appended < left.records) {
    const next = appendedTo(world, appended + 1);
    steps.push({ label: `the producer appends ${appended + 1}`, next: { ...next, appended: appended + 1 } });
  }
  if (appended > 0 && left.repeats > 0) {
    const next = { ...appendedTo(world, appended), left: { ...left, repeats: left.repeats - 1 } };
    steps.push({ label: `the producer, not answered, appends ${appended} again`, next });
  }
  if (!isSplit && appended > 0) steps.push({ label: 'the shard is split', next: { ...world, isSplit: true } });
  return steps;
}

function appendedTo(world: IngestWorldState, number: number): IngestWorldState {
  const [parent, child] = world.log;
  return { ...world, log: world.isSplit ? [parent, [...child, number]] : [[...parent, number], child] };
}

function ingestSteps(world: IngestWorldState, index: 0 | 1, deciders: Deciders): readonly Step<IngestWorldState>[] {
  const ingest = world.ingests[index];
  switch (ingest.phase) {
    case 'idle':
      return handSteps(world, index);
    case 'handed':
      return [lookStep(world, index, deciders)];
    case 'ready':
      return commitSteps(world, index, deciders);
    default:
      return unreachable(ingest.phase);
  }
}

/** What is not acknowledged is handed over, by anybody, as often as it likes: one record or all there are. */
function handSteps(world: IngestWorldState, index: 0 | 1): readonly Step<IngestWorldState>[] {
  const steps: Step<IngestWorldState>[] = [];
  for (const shard of [0, 1] as const) {
    const begin = world.acknowledged[shard];
    const { length } = world.log[shard];
    for (const end of new Set([begin + 1, length])) {
      if (end <= begin || end > length) continue;
      const label = `ingest ${'XY'[index]} is handed ${end - begin} of the ${shardIds[shard]}`;
      steps.push({ label, next: withIngest(world, index, { phase: 'handed', shard, begin, end, batches: [] }) });
    }
    if (world.left.holes > 0 && length - begin > 1) {
      const handed: Ingest = { phase: 'handed', shard, begin: begin + 1, end: length, batches: [] };
      const left = { ...world.left, holes: world.left.holes - 1 };
      const label = `ingest ${'XY'[index]} is handed the ${shardIds[shard]} without its first record`;
      steps.push({ label, next: withIngest({ ...world, left }, index, handed) });
    }
  }
  return steps;
}

function lookStep(world: IngestWorldState, index: 0 | 1, deciders: Deciders): Step<IngestWorldState> {
  const { shard, begin, end } = world.ingests[index];
  const who = `ingest ${'XY'[index]}`;
  const shardId = shardIds[shard];
  const records = recordsOf(world, shard, begin, end);
  const { state } = world;
  const description = descriptionOf(world);
  const decision = deciders.decideTake({ shardId, records, state, description });
  const ready = (label: string, batches: readonly ShardBatch[]): Step<IngestWorldState> => {
    return { label, next: withIngest(world, index, { ...world.ingests[index], phase: 'ready', batches }) };
  };
  switch (decision.kind) {
    case 'nothing':
    case 'stale':
      return { label: `${who} has nothing to take, and acknowledges`, next: acknowledged(world, index) };
    case 'take':
      return ready(`${who} takes what it was handed`, [
        batchOf(shard, decision.recorded, decision.records, end, false),
      ]);
    case 'read-log': {
      const owed = deciders.owedShards({ state, description, shardId });
      const batches = owed.map(({ shardId: id }) =>
        readShard(world, id === 'parent' ? 0 : 1, id === shardId ? end : undefined),
      );
      const read = owed.map(({ shardId: id }) => id).join(', ');
      return ready(`${who} reads the log: ${read}`, batches);
    }
    default:
      return unreachable(decision);
  }
}

/** From the recorded position on; a parent to its end. */
function readShard(world: IngestWorldState, shard: ShardIndex, until: number | undefined): ShardBatch {
  const recorded = recordedAt(world, shard);
  const begin = recorded === undefined ? 0 : Number(recorded);
  const end = until ?? world.log[shard].length;
  const isEnd = shard === 0 && world.isSplit && end === world.log[shard].length;
  return batchOf(shard, recorded, recordsOf(world, shard, begin, end), end, isEnd);
}

function batchOf(
  shard: ShardIndex,
  recorded: bigint | undefined,
  records: readonly RoutedRecord[],
  end: number,
  ended: boolean,
): ShardBatch {
  const through = end === 0 ? undefined : { position: BigInt(end), arrivalMs: end };
  return { shardId: shardIds[shard], hashKeys: { start: 0n, end: 0n }, recorded, records, through, ended };
}

function recordedAt({ state }: IngestWorldState, shard: ShardIndex): bigint | undefined {
  return state?.shards.get(shardIds[shard])?.position;
}

/** At the head: the condition, then rows and the new state in one swap (I2). */
function commitSteps(world: IngestWorldState, index: 0 | 1, deciders: Deciders): readonly Step<IngestWorldState>[] {
  const { batches } = world.ingests[index];
  const who = `ingest ${'XY'[index]}`;
  const state = world.state ?? emptyState(incarnation);
  const again: Ingest = { ...world.ingests[index], phase: 'handed', batches: [] };
  if (deciders.movedShard(state, batches) !== undefined) {
    return [{ label: `${who} finds a position changed`, next: withIngest(world, index, again) }];
  }
  const producers = new Map<string, ProducerState>(state.producers);
  const taken: number[] = [];
  for (const { record, arrivalMs } of batches.flatMap(({ records }) => records)) {
    const { producerNumber } = record.header;
    if (deciders.isRepeated(producers.get(lane), producerNumber)) continue;
    producers.set(lane, { lastNumber: producerNumber, arrivalMs, named: true });
    taken.push(producerNumber);
  }
  const input = { shards: batches, retentionMs: undefined, listed: descriptionOf(world).shards };
  const prepared = { state, producers, forgotten: [], counters: noCounters, events: undefined };
  const next = deciders.nextState(prepared, input, undefined);
  const committed = checked({ ...world, state: next, rows: [...world.rows, ...taken] }, world);
  const what = taken.length === 0 ? 'a position' : taken.join(', ');
  return [
    { label: `${who} commits ${what} and acknowledges`, next: acknowledged(committed, index) },
    { label: `${who} commits ${what}; the answer is lost`, next: withIngest(committed, index, again) },
  ];
}

/** P18: each number once, in order. P19: positions go forward. */
function checked(world: IngestWorldState, before: IngestWorldState): IngestWorldState {
  const wrong = world.rows.find((number, at) => number !== at + 1);
  if (wrong !== undefined) return { ...world, breach: `P18: the table has the records ${world.rows.join(', ')}` };
  for (const shard of [0, 1] as const) {
    const [from, to] = [recordedAt(before, shard) ?? -1n, recordedAt(world, shard) ?? -1n];
    if (to < from)
      return { ...world, breach: `P19: the position of the ${shardIds[shard]} goes from ${from} to ${to}` };
  }
  return world;
}

function acknowledged(world: IngestWorldState, index: 0 | 1): IngestWorldState {
  const { shard, end } = world.ingests[index];
  const [parent, child] = world.acknowledged;
  const next: readonly [number, number] = shard === 0 ? [Math.max(parent, end), child] : [parent, Math.max(child, end)];
  return withIngest({ ...world, acknowledged: next }, index, idle);
}

const shardsBefore: readonly LogShard[] = [
  { shardId: 'parent', parentIds: [], hashKeyStart: 0n, hashKeyEnd: 9n, closed: false },
];
const shardsAfter: readonly LogShard[] = [
  { shardId: 'parent', parentIds: [], hashKeyStart: 0n, hashKeyEnd: 9n, closed: true },
  { shardId: 'child', parentIds: ['parent'], hashKeyStart: 0n, hashKeyEnd: 9n, closed: false },
];

function descriptionOf({ isSplit }: IngestWorldState): LogDescription {
  return { incarnation, shards: isSplit ? shardsAfter : shardsBefore, retentionMs: undefined };
}

const empty = new Uint8Array();

function recordsOf(world: IngestWorldState, shard: ShardIndex, begin: number, end: number): readonly RoutedRecord[] {
  return world.log[shard].slice(begin, end).map((producerNumber, at) => {
    const header = {
      tableId: 't',
      tableName: 'd.t',
      schemaId: 0,
      bucket: 0,
      bucketCount: 1,
      laneCount: undefined,
      producerId: 'p',
      producerNamed: true,
      producerNumber,
      rowCount: 1,
      bodyBytes: 0,
      claim: undefined,
    };
    const position = begin + at + 1;
    const record = { header, encoding: 'plain', body: empty } as const;
    return { shardId: shardIds[shard], position: BigInt(position), arrivalMs: position, record, data: empty };
  });
}

function withIngest(world: IngestWorldState, index: 0 | 1, ingest: Ingest): IngestWorldState {
  const [a, b] = replaced(world.ingests, index, ingest);
  return { ...world, ingests: [a ?? idle, b ?? idle] };
}

const phases: readonly Ingest['phase'][] = ['idle', 'handed', 'ready'];

function textOf(world: IngestWorldState, order: readonly [0, 1] | readonly [1, 0]): string {
  const { log, state, left } = world;
  const text = new StateText();
  text.numbers(world.appended, left.repeats, left.deaths, left.holes, ...world.acknowledged);
  text.flags(world.isSplit, world.breach !== undefined);
  for (const numbers of [...log, world.rows]) text.list(numbers, number => text.numbers(number));
  text.numbers(state?.producers.get(lane)?.lastNumber ?? 0);
  for (const id of shardIds) {
    const entry = state?.shards.get(id);
    text.numbers(Number(entry?.position ?? -2n)).flags(entry?.ended === true);
  }
  for (const index of order) {
    const { phase, shard, begin, end, batches } = world.ingests[index];
    text.numbers(phases.indexOf(phase), shard, begin, end);
    text.list(batches, ({ shardId, recorded, records, through, ended }) => {
      text.numbers(
        shardId === 'parent' ? 0 : 1,
        Number(recorded ?? -2n),
        records.length,
        Number(through?.position ?? 0n),
      );
      text.flags(ended);
    });
  }
  return text.text;
}
