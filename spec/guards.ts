/**
 * The guards of the protocol, one by one, each with a way to take it away: a product decider wrapped so that this one rule
 * does not speak. Where the world it belongs to then still shows no breach, the guard does nothing or the model sees too
 * little; guards.long.test.ts goes through all of them.
 */
import type { MessageRule } from '../src/flow/group-commit/decide-message.ts';
import type { TakeDecision } from '../src/flow/ingest/decide-take.ts';
import type { FenceReason } from '../src/table/commit/decide-base.ts';
import type { ConflictRule } from '../src/table/commit/request.ts';
import { bucketKey, type PlacedFile } from '../src/table/live-files.ts';
import type { Deciders } from './deciders.ts';
import { settleGuards } from './settle-guards.ts';
import type { WorldName } from './worlds.ts';

export type Guard = {
  /** The rule, as spec/PROTOCOL.md numbers it, and what it says. */
  readonly name: string;
  readonly world: WorldName;
  readonly off: (deciders: Deciders) => Deciders;
  /**
   * Another guard that holds when this one is away: taking away this one alone changes nothing, taking away both does. The
   * first refuses sooner, or says better why.
   */
  readonly backedBy: string | undefined;
};

type Unchecked = Pick<Guard, 'world' | 'off'> & { readonly backedBy?: string };

/** The rules by which `decideGuards` refuses; the other two are the driver's own: too many attempts, and the plan's word. */
const guardRules: Readonly<Record<Exclude<ConflictRule, 'S4' | 'plan'>, WorldName>> = {
  S2a: 'compaction',
  S2b: 'compaction',
  S2c: 'duties',
  S2f: 'duties',
  S2g: 'duties',
  S2i: 'duties',
  S6: 'compaction',
  S7: 'orphans',
};

const fences: Readonly<Record<FenceReason, string>> = {
  'table-gone': 'another table has the name',
  dropped: 'the marker of a dropped table',
  'history-rewritten': 'numbers taken back from the top',
};

const messageRules: Readonly<Record<MessageRule, string | undefined>> = {
  table: undefined,
  log: undefined,
  position: undefined,
  'upload-age': 'S7',
  schema: undefined,
  'bucket-count': undefined,
  'file-name': 'I8: sequence',
  partition: undefined,
  sequence: 'S6',
};

/**
 * Ways out of `decideTake` other than taking what was handed over. `stale` guards nothing: of a shard that is not listed the
 * log gives nothing either; it says why.
 */
const takeGuards: Readonly<Record<Exclude<TakeDecision['kind'], 'take' | 'stale'>, Unchecked>> = {
  nothing: {
    world: 'ingest',
    off: deciders => ({
      ...deciders,
      decideTake: facts => {
        const decision = deciders.decideTake(facts);
        const recorded = facts.state?.shards.get(facts.shardId)?.position;
        if (decision.kind !== 'nothing' || recorded === undefined) return decision;
        return { kind: 'take', recorded, records: facts.records };
      },
    }),
  },
  'read-log': {
    world: 'ingest',
    off: deciders => ({
      ...deciders,
      decideTake: facts => {
        const decision = deciders.decideTake(facts);
        const recorded = facts.state?.shards.get(facts.shardId)?.position;
        if (decision.kind !== 'read-log' || recorded === undefined) return decision;
        return { kind: 'take', recorded, records: facts.records.filter(({ position }) => position > recorded) };
      },
    }),
  },
};

const others: Readonly<Record<string, Unchecked>> = {
  'S1: a base that has grown old is looked up again': {
    world: 'swap',
    off: deciders => ({ ...deciders, baseIsStale: () => false }),
  },
  'S9: a link that names another is broken': {
    world: 'swap',
    off: deciders => ({ ...deciders, chainOf: all => ({ count: all.length, end: { kind: 'bottom' } }) }),
  },
  'R1: a superseded snapshot stays for A': {
    world: 'swap',
    off: deciders => ({
      ...deciders,
      decideExpiry: facts => deciders.decideExpiry({ ...facts, storeTimeMs: facts.storeTimeMs + 3_600_001 }),
    }),
  },
  'R1: the two newest snapshots stay': {
    world: 'swap',
    off: deciders => ({
      ...deciders,
      decideExpiry: facts => {
        const [head] = facts.snapshots.slice(-1);
        if (head === undefined) return 0;
        // One more above the head makes the head the second newest.
        const above = { id: head.id + 1, lastModifiedMs: facts.storeTimeMs };
        return deciders.decideExpiry({ ...facts, snapshots: [...facts.snapshots, above] });
      },
    }),
  },
  'R1: what a consumer wants is not chosen': {
    world: 'expiry',
    backedBy: 'R1: who has come meanwhile gets its snapshots back',
    off: deciders => ({ ...deciders, decideExpiry: facts => deciders.decideExpiry({ ...facts, consumerIds: [] }) }),
  },
  'R1: who has come meanwhile gets its snapshots back': {
    world: 'expiry',
    off: deciders => ({
      ...deciders,
      decidePutBack: expired => (expired.at(-1)?.id ?? 0) + 1,
    }),
  },
  'R1: data that a tag needs stays': {
    world: 'expiry',
    off: deciders => ({ ...deciders, withoutNeeded: going => going }),
  },
  'R2: a pin asks the record': {
    world: 'expiry',
    off: deciders => ({ ...deciders, pinIsSeen: () => true }),
  },
  'R4: only what is older than the head by O is an orphan': {
    world: 'orphans',
    off: deciders => ({
      ...deciders,
      orphanCutoffMs: heads =>
        heads.reduce<number>((least, head) => Math.min(least, head ?? 0), Number.MAX_SAFE_INTEGER),
    }),
  },
  'R4: what a root names is no orphan': {
    world: 'orphans',
    off: deciders => ({
      ...deciders,
      isOrphan: (object, _named, cutoffMs) => deciders.isOrphan(object, new Set(), cutoffMs),
    }),
  },
  'R4: roots that have moved end a cleaning': {
    world: 'orphans',
    off: deciders => ({ ...deciders, rootsEqual: () => true }),
  },
  'C2: delete rows stay while older files are left': {
    world: 'compaction',
    off: deciders => ({
      ...deciders,
      planUnit: (unit, compareKey, settings) => ({
        ...deciders.planUnit(unit, compareKey, settings),
        dropDeletes: true,
      }),
    }),
  },
  'S10: a table made anew carries no state of the former': {
    world: 'fences',
    off: deciders => ({
      ...deciders,
      decideBase: facts => {
        const decision = deciders.decideBase(facts);
        return decision.kind === 'use' ? { ...decision, fresh: false } : decision;
      },
    }),
  },
  'S10, S11: the newest schema is asked whose a foreign head or marker is': {
    world: 'fences',
    off: deciders => ({
      ...deciders,
      decideBase: facts => {
        const decision = deciders.decideBase(facts);
        return decision.kind === 'look' ? { kind: 'use', fresh: facts.head?.dropped === true } : decision;
      },
    }),
  },
  'L1: a producer number seen': {
    world: 'ingest',
    off: deciders => ({ ...deciders, isRepeated: () => false }),
  },
  'I2: the position is where it was': {
    world: 'ingest',
    off: deciders => ({ ...deciders, movedShard: () => undefined }),
  },
  'I5: parents before children': {
    world: 'ingest',
    off: deciders => ({
      ...deciders,
      owedShards: input => deciders.owedShards(input).filter(({ shardId }) => shardId === input.shardId),
    }),
  },
};

export const guards: readonly Guard[] = [
  ...settleGuards.map(({ name, off }) => guard(`S5: ${name}`, { world: 'swap', off })),
  ...entriesOf(guardRules).map(([rule, world]) =>
    guard(rule, { world, off: deciders => withoutConflict(deciders, rule) }),
  ),
  guard('S2a: an identifier comes once', { world: 'compaction', off: withoutRepeats }),
  ...entriesOf(fences).map(([reason, what]) =>
    guard(`S10: ${what} (${reason})`, { world: 'fences', off: deciders => withoutFence(deciders, reason) }),
  ),
  ...entriesOf(messageRules).map(([rule, backedBy]) =>
    guard(`I8: ${rule}`, {
      world: 'group commit',
      off: deciders => withoutMessageRule(deciders, rule),
      ...(backedBy === undefined ? {} : { backedBy }),
    }),
  ),
  ...entriesOf(takeGuards).map(([kind, unchecked]) => guard(`I4: ${kind}`, unchecked)),
  ...Object.entries(others).map(([name, unchecked]) => guard(name, unchecked)),
];

export function guardNamed(name: string): Guard {
  const found = guards.find(candidate => candidate.name === name);
  if (found === undefined) throw new RangeError(`no guard is named ${name}`);
  return found;
}

function guard(name: string, { world, off, backedBy }: Unchecked): Guard {
  return { name, world, off, backedBy };
}

function entriesOf<K extends string, V>(record: Readonly<Record<K, V>>): readonly (readonly [K, V])[] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map(key => [key, record[key]] as const);
}

/** The verdict of one rule becomes a pass; what it says of the others' order stays. */
function withoutConflict(deciders: Deciders, rule: ConflictRule): Deciders {
  return {
    ...deciders,
    decideGuards: (plan, facts) => {
      const verdict = deciders.decideGuards(plan, facts);
      if (verdict.kind === 'pass' || verdict.rule !== rule) return verdict;
      // What the rule looks at is made to look right, so that those behind it still speak.
      return deciders.decideGuards(plan, factsWithout(rule, plan, facts));
    },
  };
}

type GuardInput = Parameters<Deciders['decideGuards']>;

function factsWithout(rule: ConflictRule, plan: GuardInput[0], facts: GuardInput[1]): GuardInput[1] {
  switch (rule) {
    case 'S2a': {
      // As if what the plan deletes were live. The rule's other side is a guard of its own.
      const buckets = new Map(
        [...facts.buckets].map(([key, bucket]) => [
          key,
          { ...bucket, live: [...(bucket.live ?? []), ...plan.deletes] },
        ]),
      );
      return { ...facts, buckets };
    }
    case 'S2b':
      return { ...facts, compareKeys: () => -1 };
    case 'S2c':
      return { ...facts, totalBuckets: new Map() };
    case 'S2f': {
      // As if what the index names were live.
      const places = plan.index?.files ?? [];
      const named = places.map(({ file: { fileName } }) => fileName);
      const buckets = new Map(
        [...facts.buckets].map(([key, bucket]) => {
          const sample = bucket.live?.[0] ?? plan.adds[0] ?? plan.deletes[0];
          const dead = sample === undefined ? [] : named.map(fileName => namedLike(sample, fileName));
          return [key, { ...bucket, live: [...(bucket.live ?? []), ...dead] }] as const;
        }),
      );
      return { ...facts, vectors: new Map(), buckets };
    }
    case 'S2i': {
      // As if what was read were so still.
      const vectors = new Map(facts.vectors);
      for (const read of plan.bucketReads) {
        const key = bucketKey(read);
        const there = new Map(vectors.get(key));
        for (const [name, identity] of read.vectors) {
          if (identity === undefined) there.delete(name);
          else there.set(name, identity);
        }
        vectors.set(key, there);
      }
      return { ...facts, vectors, indexManifest: plan.index?.madeFrom };
    }
    case 'S2g':
      return { ...facts, dutiesChanged: false };
    case 'S6': {
      const buckets = new Map([...facts.buckets].map(([key, bucket]) => [key, { ...bucket, sequenceFloor: -2n }]));
      return { ...facts, buckets };
    }
    case 'S7':
      return { ...facts, baseStoreTimeMs: Number.NEGATIVE_INFINITY };
    default:
      throw new RangeError(`${rule} is not a rule of the guards`);
  }
}

/** A file of the same place under another name. */
function namedLike(placed: PlacedFile, fileName: string): PlacedFile {
  return { ...placed, file: { ...placed.file, fileName } };
}

/** S2 (a) has two sides: what goes is live, and what comes has never been there. */
function withoutRepeats(deciders: Deciders): Deciders {
  return {
    ...deciders,
    decideGuards: (plan, facts) => {
      const buckets = new Map(
        [...facts.buckets].map(([key, bucket]) => [key, { ...bucket, repeated: new Set<string>() }]),
      );
      return deciders.decideGuards(plan, { ...facts, buckets });
    },
  };
}

function withoutFence(deciders: Deciders, reason: FenceReason): Deciders {
  return {
    ...deciders,
    decideBase: facts => {
      const decision = deciders.decideBase(facts);
      return decision.kind === 'fenced' && decision.reason === reason ? { kind: 'use', fresh: false } : decision;
    },
  };
}

function withoutMessageRule(deciders: Deciders, rule: MessageRule): Deciders {
  return {
    ...deciders,
    decideMessage: (message, base, progress) => {
      const decision = deciders.decideMessage(message, base, progress);
      if (decision.kind !== 'drop' || decision.rule !== rule) return decision;
      const from = progress.state.shards.get(message.shardId)?.position;
      const fits = {
        ...message,
        tableId: base.tableId ?? '',
        incarnation: progress.state.incarnation,
        from: rule === 'position' ? from : message.from,
        uploadBeganMs: rule === 'upload-age' ? base.storeTimeMs : message.uploadBeganMs,
        schemaId: Math.min(message.schemaId, base.schemaId),
      };
      const judge = {
        ...base,
        bucketCount: rule === 'bucket-count' ? (message.files[0]?.totalBuckets ?? 0) : base.bucketCount,
        isPartition: rule === 'partition' ? () => true : base.isPartition,
        isUnordered: rule === 'sequence' ? true : base.isUnordered,
      };
      const fileNames = rule === 'file-name' ? new Set<string>() : progress.fileNames;
      return deciders.decideMessage(fits, judge, { ...progress, fileNames });
    },
  };
}
