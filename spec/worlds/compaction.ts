/**
 * Compaction beside appends, deletes and an overwrite in one bucket (PROTOCOL 4; rules S2 a and b, S6, C1, C2).
 *
 * A commit is one step here: it looks at the head, asks the guards and swaps. A swap that is lost changes nothing and begins
 * again at the next head, so nothing is left out; how swaps are won and lost is the world of the swap. Compactors read at one
 * head and commit at another. One picks as the product does, by its picker and planner; one picks some files of level 0 on
 * a whim, as a job of somebody else's may.
 */
import { sortedRuns } from '../../src/lsm/sorted-runs.ts';
import { commitPlan } from '../../src/table/commit/request.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { replaced, StateText, symmetricText } from '../state-text.ts';
import {
  afterCommit,
  type Bucket,
  compareKeys,
  type DataFile,
  emptyBucket,
  floorOf,
  guardFacts,
  identifierOf,
  newestRows,
  plannedFile,
  type Row,
  writeFile,
} from './bucket.ts';

export type CompactionBounds = {
  /** Changes of each of the two writers. */
  readonly changes: number;
  readonly compactions: number;
  readonly overwrites: number;
  readonly keys: number;
};

type Rewrite = { readonly before: readonly DataFile[]; readonly after: readonly DataFile[] };
type Writer = {
  readonly left: number;
  readonly file: DataFile | undefined;
  /** The answer to its commit was lost: it sends the same once more. */
  readonly isRepeat: boolean;
};

type CompactionState = {
  readonly bucket: Bucket;
  /** The truth: by key the change that is in force; undefined: the key is not there. */
  readonly content: readonly (number | undefined)[];
  readonly committed: readonly number[];
  readonly writers: readonly [Writer, Writer];
  readonly rewrites: readonly [Rewrite | undefined, Rewrite | undefined];
  readonly compactions: number;
  readonly overwrites: number;
  readonly names: number;
  readonly breach: string | undefined;
};

const levelCount = 3;
/** Changes are numbered apart from files. */
const changesFrom = 10_000;
const settings = {
  runCountTrigger: 2,
  runCountStop: 5,
  levelCount,
  sizeAmplificationPercentMax: 1_000,
  sizeRatioPercent: 1,
  optimizationIntervalMs: undefined,
  totalBytesThreshold: undefined,
  incrementalBytesThreshold: undefined,
  smallFileRatio: 0.7,
  fileCountMin: 2,
  deleteRatioThreshold: 0.2,
  forceUpLevel0: false,
  forceRewriteAllFiles: false,
  targetFileBytes: 1_000_000,
  sinceFullCompactionMs: 0,
  vectored: undefined,
};

export function compactionWorld(deciders: Deciders, bounds: CompactionBounds): Model<CompactionState> {
  const writer: Writer = { left: bounds.changes, file: undefined, isRepeat: false };
  const initial: CompactionState = {
    bucket: emptyBucket,
    content: Array.from({ length: bounds.keys }, () => undefined),
    committed: [],
    writers: [writer, writer],
    rewrites: [undefined, undefined],
    compactions: bounds.compactions,
    overwrites: bounds.overwrites,
    names: 0,
    breach: undefined,
  };
  return {
    name: 'compaction',
    initial: [initial],
    steps: state => stepsOf(state, deciders),
    textOf: state => symmetricText(order => textOf(state, order)),
    breachOf: state => state.breach,
  };
}

function stepsOf(state: CompactionState, deciders: Deciders): readonly Step<CompactionState>[] {
  if (state.breach !== undefined) return [];
  return [
    ...writerSteps(state, 0, deciders),
    ...writerSteps(state, 1, deciders),
    ...([0, 1] as const).flatMap(index => compactorSteps(state, index, deciders)),
    ...overwriteSteps(state, deciders),
  ];
}

/** A writer writes a file, numbered above its base, and commits it at the head of another moment. */
function writerSteps(state: CompactionState, index: 0 | 1, deciders: Deciders): readonly Step<CompactionState>[] {
  const { left, file } = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  if (file !== undefined) return commitSteps(state, index, file, deciders);
  if (left === 0) return [];
  return state.content.flatMap((_, key) =>
    [false, true].map(isDelete => {
      const row = { key, isDelete, change: changesFrom + state.names, sequence: floorOf(state.bucket) + 1 };
      const written = levelZero(state.names, [row]);
      const next = withWriter(state, index, { left: left - 1, file: written, isRepeat: false });
      return {
        label: `${who} writes ${isDelete ? 'a delete' : 'a row'} of key ${key} into file ${state.names}`,
        next: { ...next, names: state.names + 1 },
      };
    }),
  );
}

function commitSteps(
  state: CompactionState,
  index: 0 | 1,
  file: DataFile,
  deciders: Deciders,
): readonly Step<CompactionState>[] {
  const who = `writer ${'AB'[index]}`;
  const plan = commitPlan({ kind: 'APPEND', schemaId: 0, adds: [plannedFile(file)] });
  const verdict = deciders.decideGuards(plan, guardFacts(state.bucket, [file]));
  const rest = withWriter(state, index, { file: undefined, isRepeat: false });
  if (verdict.kind === 'conflict')
    return [{ label: `${who} is refused file ${file.name}: ${verdict.rule}`, next: rest }];
  let added = file;
  let names = state.names;
  if (verdict.kind === 'again') {
    const floor = floorOf(state.bucket);
    added = {
      ...levelZero(
        names,
        file.rows.map((row, at) => ({ ...row, sequence: floor + 1 + at })),
      ),
    };
    names += 1;
  }
  const how = added === file ? '' : `, numbered again as file ${added.name}`;
  const done = checked(applied({ ...rest, names }, added), 'P6', `after the commit of file ${added.name}`);
  const isRepeat = state.writers[index].isRepeat;
  return [
    { label: `${who} commits file ${file.name}${how}`, next: done },
    ...(isRepeat
      ? []
      : [
          {
            label: `${who} commits file ${file.name}${how}; the answer is lost`,
            next: withWriter(done, index, { file: added, isRepeat: true }),
          },
        ]),
  ];
}

/** The change comes into the table, and into the truth. */
function applied(state: CompactionState, file: DataFile): CompactionState {
  const bucket = afterCommit(state.bucket, { adds: [file] });
  const changes = file.rows.map(({ change }) => change);
  const isTwice = changes.some(change => state.committed.includes(change));
  const isGone = !bucket.live.includes(file);
  const breach = isTwice ? 'P7: a change is committed twice' : isGone ? 'P7: a committed file is not live' : undefined;
  let { content } = state;
  for (const { key, isDelete, change } of file.rows) content = replaced(content, key, isDelete ? undefined : change);
  return { ...state, bucket, content, committed: [...state.committed, ...changes], breach };
}

function compactorSteps(state: CompactionState, index: 0 | 1, deciders: Deciders): readonly Step<CompactionState>[] {
  const rewrite = state.rewrites[index];
  const who = `compactor ${'CD'[index]}`;
  if (rewrite !== undefined) return [rewriteStep(state, index, rewrite, deciders)];
  if (state.compactions === 0) return [];
  const picks = [
    { how: 'as the shape asks', rewrite: pickedRewrite(state, deciders, 'shape') },
    { how: 'all', rewrite: pickedRewrite(state, deciders, 'full') },
    ...whims(state).map(rewritten => ({ how: 'on a whim', rewrite: rewritten })),
  ];
  return picks.flatMap(({ how, rewrite: picked }) => {
    if (picked === undefined) return [];
    const before = picked.before.map(({ name }) => name).join(', ');
    return [
      {
        label: `${who} rewrites ${before} (${how})`,
        next: {
          ...state,
          rewrites: withRewrite(state, index, picked),
          compactions: state.compactions - 1,
          names: state.names + 1,
        },
      },
    ];
  });
}

function rewriteStep(
  state: CompactionState,
  index: 0 | 1,
  { before, after }: Rewrite,
  deciders: Deciders,
): Step<CompactionState> {
  const who = `compactor ${'CD'[index]}`;
  const plan = commitPlan({
    kind: 'COMPACT',
    schemaId: 0,
    deletes: before.map(plannedFile),
    adds: after.map(plannedFile),
  });
  const verdict = deciders.decideGuards(plan, guardFacts(state.bucket, [...before, ...after]));
  const rest = { ...state, rewrites: withRewrite(state, index, undefined) };
  // Whatever stands in the way of a compaction, it is given up (C1).
  if (verdict.kind !== 'pass') return { label: `${who} gives up: ${verdict.rule}`, next: rest };
  const bucket = afterCommit(state.bucket, { deletes: before, adds: after });
  const names = before.map(({ name }) => name).join(', ');
  return {
    label: `${who} replaces ${names}`,
    next: checked({ ...rest, bucket }, 'P8', `after ${names} were compacted`),
  };
}

/** What the product's picker takes, rewritten as the product's planner says. */
function pickedRewrite(
  state: CompactionState,
  { pickCompaction, pickFullCompaction, planUnit }: Deciders,
  pick: 'shape' | 'full',
): Rewrite | undefined {
  const byName = new Map(state.bucket.live.map(file => [plannedFile(file).file.fileName, file]));
  const runs = sortedRuns(
    state.bucket.live.map(file => plannedFile(file).file),
    compareKeys,
  );
  const unit = pick === 'full' ? pickFullCompaction(runs, settings) : pickCompaction(runs, settings);
  if (unit === undefined) return undefined;
  const { rewrites, upgrades, outputLevel, dropDeletes } = planUnit(unit, compareKeys, settings);
  const filesOf = (metas: readonly { readonly fileName: string }[]): readonly DataFile[] =>
    metas.flatMap(({ fileName }) => byName.get(fileName) ?? []);
  const read = filesOf(rewrites.flatMap(({ sections }) => sections.flat(2)));
  const upgraded = filesOf(upgrades);
  if (read.length + upgraded.length === 0) return undefined;
  const output = mergedFile(state.names, read, { level: outputLevel, dropDeletes });
  const moved = upgraded.map((file): DataFile => ({ ...file, level: outputLevel, uploadBegan: undefined }));
  return { before: [...read, ...upgraded], after: [...output, ...moved] };
}

/** The two oldest or the two newest files of level 0 into level 1, delete rows kept. */
function whims(state: CompactionState): readonly Rewrite[] {
  const level0 = state.bucket.live.filter(({ level }) => level === 0);
  if (level0.length < 2) return [];
  const pairs = level0.length === 2 ? [level0] : [level0.slice(0, 2), level0.slice(-2)];
  return pairs.map(before => ({ before, after: mergedFile(state.names, before, { level: 1, dropDeletes: false }) }));
}

function mergedFile(
  name: number,
  files: readonly DataFile[],
  how: { readonly level: number; readonly dropDeletes: boolean },
): readonly DataFile[] {
  const newest = newestRows(files);
  if (newest === 'tie') return files;
  const rows = [...newest.values()].filter(({ isDelete }) => !(how.dropDeletes && isDelete));
  if (rows.length === 0) return [];
  return [
    {
      ...levelZero(
        name,
        rows.toSorted((a, b) => a.key - b.key),
      ),
      level: how.level,
    },
  ];
}

/** Everything live at the head goes, one row of key 0 comes. Planned anew on each base, so it is one step. */
function overwriteSteps(state: CompactionState, deciders: Deciders): readonly Step<CompactionState>[] {
  if (state.overwrites === 0) return [];
  const { live } = state.bucket;
  const change = changesFrom + state.names;
  const file = levelZero(state.names, [{ key: 0, sequence: 0, isDelete: false, change }]);
  const plan = commitPlan({
    kind: 'OVERWRITE',
    schemaId: 0,
    deletes: live.map(plannedFile),
    adds: [plannedFile(file)],
  });
  if (deciders.decideGuards(plan, guardFacts(state.bucket, [...live, file])).kind !== 'pass') return [];
  const next: CompactionState = {
    ...state,
    bucket: afterCommit(state.bucket, { deletes: live, adds: [file] }),
    content: state.content.map((_, key) => (key === 0 ? change : undefined)),
    committed: [...state.committed, change],
    overwrites: state.overwrites - 1,
    names: state.names + 1,
  };
  return [
    {
      label: `an overwrite puts file ${file.name} in the place of all`,
      next: checked(next, 'P6', 'after an overwrite'),
    },
  ];
}

/** Whether the files say what was committed, read as the format has it. */
function checked(state: CompactionState, invariant: string, when: string): CompactionState {
  if (state.breach !== undefined) return state;
  const { live } = state.bucket;
  const keysByLevel = new Set<number>();
  for (const { level, rows } of live.filter(file => file.level > 0)) {
    const [first, last] = [rows[0]?.key ?? 0, rows.at(-1)?.key ?? 0];
    for (let key = first; key <= last; key += 1) {
      const place = level * 100 + key;
      if (keysByLevel.has(place)) return { ...state, breach: `P9: ${when} files of level ${level} overlap` };
      keysByLevel.add(place);
    }
  }
  const newest = newestRows(live);
  if (newest === 'tie') return { ...state, breach: `${invariant}: ${when} two rows of a key have one sequence number` };
  for (const [key, change] of state.content.entries()) {
    const row = newest.get(key);
    const seen = row === undefined || row.isDelete ? undefined : row.change;
    if (seen !== change)
      return { ...state, breach: `${invariant}: ${when} key ${key} reads otherwise than it was committed` };
  }
  return state;
}

function levelZero(name: number, rows: readonly Row[]): DataFile {
  return { name, level: 0, bucket: 0, totalBuckets: 1, schemaId: 0, uploadBegan: 0, rows };
}

function withWriter(state: CompactionState, index: 0 | 1, changes: Partial<Writer>): CompactionState {
  const [a, b] = state.writers;
  return { ...state, writers: index === 0 ? [{ ...a, ...changes }, b] : [a, { ...b, ...changes }] };
}

function withRewrite(state: CompactionState, index: 0 | 1, rewrite: Rewrite | undefined): CompactionState['rewrites'] {
  return index === 0 ? [rewrite, state.rewrites[1]] : [state.rewrites[0], rewrite];
}

function textOf(state: CompactionState, order: readonly [0, 1] | readonly [1, 0]): string {
  const text = new StateText();
  text.numbers(state.compactions, state.overwrites, state.breach === undefined ? 0 : 1);
  text.list(state.bucket.live, file => writeFile(text, file));
  for (const change of state.content) text.identity(change ?? -1);
  const held: DataFile[] = [];
  for (const index of order) {
    const { left, file, isRepeat } = state.writers[index];
    text.numbers(left).flags(isRepeat, file !== undefined);
    if (file !== undefined) {
      writeFile(text, file);
      held.push(file);
    }
  }
  // The two compactors do the same.
  const rewrites = order.map(index => state.rewrites[index]);
  for (const rewrite of rewrites) {
    text.flags(rewrite !== undefined);
    if (rewrite === undefined) continue;
    text.list(rewrite.before, file => writeFile(text, file));
    text.list(rewrite.after, file => writeFile(text, file));
    held.push(...rewrite.before, ...rewrite.after);
  }
  // Of what is gone or done only that counts which somebody still holds.
  text.list(held, file => text.flags(state.bucket.dead.includes(identifierOf(file))));
  text.list(held, ({ rows }) => text.flags(rows.some(({ change }) => state.committed.includes(change))));
  return text.text;
}
