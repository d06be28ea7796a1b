/**
 * What writers owe a table whose layout changes under them: one bucket count, deletion vectors that speak of live files,
 * duties of a newer schema (PROTOCOL 4; rules S2 c, f, g). Commits are one step, as in the world of compaction.
 */
import type { GuardFacts } from '../../src/table/commit/decide-guards.ts';
import { commitPlan, type PlannedIndex } from '../../src/table/commit/request.ts';
import { bucketKey } from '../../src/table/live-files.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { StateText } from '../state-text.ts';
import {
  afterCommit,
  type Bucket,
  type DataFile,
  emptyBucket,
  floorOf,
  guardFacts,
  newestRows,
  plannedFile,
  writeFile,
} from './bucket.ts';

export type DutiesBounds = { readonly changes: number; readonly compactions: number; readonly deletes: number };

/** A row of a file that a deletion vector takes away. */
type Mark = { readonly file: DataFile; readonly key: number };

type Rewrite = {
  readonly before: readonly DataFile[];
  readonly after: DataFile;
  /** The vectors that the files were read with, by name; undefined: the compactor knows nothing of vectors. */
  readonly read: ReadonlyMap<string, string | undefined> | undefined;
};

type DutiesState = {
  readonly bucket: Bucket;
  /** The head's. Schema 0 asks for one bucket, schema 1 for two. */
  readonly schemaId: 0 | 1;
  readonly marks: readonly Mark[];
  /** How many index manifests there were; 0: none. */
  readonly indexCount: number;
  /** The truth, by key. */
  readonly content: readonly (number | undefined)[];
  readonly written: DataFile | undefined;
  readonly rewrite: Rewrite | undefined;
  readonly marking: Mark | undefined;
  readonly left: DutiesBounds;
  readonly names: number;
  readonly breach: string | undefined;
};

const keys = [0, 1];
const changesFrom = 10_000;

export function dutiesWorld(deciders: Deciders, bounds: DutiesBounds): Model<DutiesState> {
  const initial: DutiesState = {
    bucket: emptyBucket,
    schemaId: 0,
    marks: [],
    indexCount: 0,
    content: keys.map(() => undefined),
    written: undefined,
    rewrite: undefined,
    marking: undefined,
    left: bounds,
    names: 0,
    breach: undefined,
  };
  return {
    name: 'duties',
    initial: [initial],
    steps: state => stepsOf(state, deciders),
    textOf,
    breachOf: state => state.breach ?? layoutBreach(state),
  };
}

function stepsOf(state: DutiesState, deciders: Deciders): readonly Step<DutiesState>[] {
  if (state.breach !== undefined) return [];
  return [
    ...writerSteps(state, deciders),
    ...compactorSteps(state, deciders),
    ...deleterSteps(state, deciders),
    ...rescaleSteps(state, deciders),
    ...(state.schemaId === 0
      ? [{ label: 'an empty commit brings schema 1', next: { ...state, schemaId: 1 as const } }]
      : []),
  ];
}

function bucketCountOf(schemaId: number): number {
  return schemaId + 1;
}

function fileOf(state: DutiesState, key: number, change: number): DataFile {
  const { names, schemaId } = state;
  const bucketCount = bucketCountOf(schemaId);
  const bucket = key % bucketCount;
  const rows = [{ key, sequence: floorOf(state.bucket, bucket) + 1, isDelete: false, change }];
  return { name: names, level: 0, bucket, totalBuckets: bucketCount, schemaId, uploadBegan: 0, rows };
}

function writerSteps(state: DutiesState, deciders: Deciders): readonly Step<DutiesState>[] {
  const { written, left } = state;
  if (written === undefined) {
    if (left.changes === 0) return [];
    return keys.map(key => {
      const file = fileOf(state, key, changesFrom + state.names);
      const rest = { ...state, names: state.names + 1, left: { ...left, changes: left.changes - 1 } };
      return { label: `a writer writes key ${key} under schema ${file.schemaId}`, next: { ...rest, written: file } };
    });
  }
  const { verdict } = judged(state, written, deciders);
  const rest = { ...state, written: undefined };
  if (verdict.kind === 'conflict') return [{ label: `the writer is refused: ${verdict.rule}`, next: rest }];
  if (verdict.kind === 'pass') return [{ label: 'the writer commits', next: committed(rest, written) }];
  const [row] = written.rows;
  const again = fileOf(state, row?.key ?? 0, row?.change ?? 0);
  const second = judged(state, again, deciders).verdict;
  const named = { ...rest, names: state.names + 1 };
  return [
    {
      label: `the writer writes again (${verdict.rule}) and commits`,
      next: second.kind === 'pass' ? committed(named, again) : named,
    },
  ];
}

function judged(
  state: DutiesState,
  file: DataFile,
  { decideGuards }: Deciders,
): { readonly verdict: ReturnType<Deciders['decideGuards']> } {
  const plan = commitPlan({ kind: 'APPEND', schemaId: file.schemaId, adds: [plannedFile(file)] });
  const dutiesChanged = state.schemaId > file.schemaId;
  const facts = guardFacts(state.bucket, [file], { dutiesChanged, ...indexFacts(state) });
  return { verdict: decideGuards(plan, facts) };
}

function committed(state: DutiesState, file: DataFile): DutiesState {
  const [row] = file.rows;
  const content = state.content.map((change, key) => (key === row?.key ? row.change : change));
  const isLate = file.schemaId < state.schemaId;
  const next = { ...state, bucket: afterCommit(state.bucket, { adds: [file] }), content };
  return isLate ? { ...next, breach: 'P12: written under old duties, committed under new ones' } : next;
}

/** What the base says of indexes. The identity of a vector is what it takes away. */
function indexFacts({ marks, indexCount, bucket }: DutiesState): Pick<GuardFacts, 'indexManifest' | 'vectors'> {
  const vectors = new Map<string, Map<string, string>>();
  for (const { file, key } of marks) {
    if (!bucket.live.includes(file)) continue;
    const place = bucketKey(plannedFile(file));
    const ofBucket = vectors.get(place) ?? new Map<string, string>();
    vectors.set(place, ofBucket);
    const { fileName } = plannedFile(file).file;
    ofBucket.set(fileName, `${ofBucket.get(fileName) ?? ''}${key}`);
  }
  return { vectors, indexManifest: indexCount === 0 ? undefined : `index-${indexCount}` };
}

/**
 * Rewrites all files of bucket 0, as deletion vectors have it at that moment. One compactor says nothing of an index, one
 * takes the vectors of the files away that it rewrote.
 */
function compactorSteps(state: DutiesState, { decideGuards }: Deciders): readonly Step<DutiesState>[] {
  const { rewrite, left } = state;
  if (rewrite === undefined) {
    const before = state.bucket.live.filter(file => file.bucket === 0);
    const newest = newestRows(before);
    if (left.compactions === 0 || before.length < 1 || newest === 'tie') return [];
    const rows = [...newest.values()].filter(row => !isMarked(state, row));
    const [file] = before;
    if (rows.length === 0 || file === undefined) return [];
    const after = { ...file, name: state.names, level: 1, rows: rows.toSorted((a, b) => a.key - b.key) };
    const rest = { ...state, names: state.names + 1, left: { ...left, compactions: left.compactions - 1 } };
    const vectors = indexFacts(state).vectors.get(bucketKey(plannedFile(file)));
    const read = new Map(before.map(each => plannedFile(each).file.fileName).map(name => [name, vectors?.get(name)]));
    return [
      { label: 'a compactor rewrites bucket 0', next: { ...rest, rewrite: { before, after, read: undefined } } },
      {
        label: 'a compactor that knows vectors rewrites bucket 0',
        next: { ...rest, rewrite: { before, after, read } },
      },
    ];
  }
  const { before, after, read } = rewrite;
  const deletes = before.map(plannedFile);
  const adds = [plannedFile(after)];
  const marks = state.marks.filter(({ file }) => !before.includes(file));
  const facts = guardFacts(state.bucket, [...before, after, ...marks.map(({ file }) => file)], indexFacts(state));
  const index: PlannedIndex = {
    name: 'index',
    uploadBeganMs: 0,
    madeFrom: facts.indexManifest,
    files: marks.filter(({ file }) => file.bucket === after.bucket).map(({ file }) => plannedFile(file)),
  };
  const silent = commitPlan({ kind: 'COMPACT', schemaId: after.schemaId, deletes, adds });
  const bucketReads = adds.map(place => ({ ...place, vectors: read ?? new Map(), above0: undefined }));
  const plan = read === undefined ? silent : { ...silent, index, bucketReads };
  const verdict = decideGuards(plan, facts);
  const indexed = read === undefined ? state : { ...state, marks, indexCount: state.indexCount + 1 };
  const rest = { ...(verdict.kind === 'pass' ? indexed : state), rewrite: undefined };
  if (verdict.kind !== 'pass') return [{ label: 'the compactor gives up', next: rest }];
  return [
    {
      label: 'the compactor commits',
      next: checked({ ...rest, bucket: afterCommit(state.bucket, { deletes: before, adds: [after] }) }, 'a compaction'),
    },
  ];
}

function isMarked(state: DutiesState, row: DataFile['rows'][number]): boolean {
  return state.marks.some(mark => mark.key === row.key && mark.file.rows.includes(row));
}

/** Finds where a key lies, and later commits a vector that takes it away. */
function deleterSteps(state: DutiesState, { decideGuards }: Deciders): readonly Step<DutiesState>[] {
  const { marking, left } = state;
  if (marking === undefined) {
    if (left.deletes === 0) return [];
    const newest = newestRows(state.bucket.live);
    const row = newest === 'tie' ? undefined : newest.get(0);
    const file = state.bucket.live.find(({ rows }) => row !== undefined && rows.includes(row));
    if (row === undefined || file === undefined || state.content[0] === undefined) return [];
    const rest = { ...state, left: { ...left, deletes: left.deletes - 1 } };
    return [{ label: `a deleter finds key 0 in file ${file.name}`, next: { ...rest, marking: { file, key: 0 } } }];
  }
  const { indexManifest: madeFrom } = indexFacts(state);
  const index: PlannedIndex = { name: 'index', uploadBeganMs: 0, madeFrom, files: [plannedFile(marking.file)] };
  const plan = commitPlan({ kind: 'APPEND', schemaId: state.schemaId, index });
  const verdict = decideGuards(plan, guardFacts(state.bucket, [marking.file], { indexManifest: madeFrom }));
  const rest = { ...state, marking: undefined };
  if (verdict.kind !== 'pass') return [{ label: 'the deleter is refused', next: rest }];
  // A newer row of the key may have come: then the vector takes away what was dead already.
  const newest = newestRows(state.bucket.live);
  const isNewest = newest !== 'tie' && marking.file.rows.some(row => row === newest.get(0));
  const content = isNewest || !state.bucket.live.includes(marking.file) ? [undefined, state.content[1]] : state.content;
  const next = { ...rest, marks: [...state.marks, marking], indexCount: state.indexCount + 1, content };
  return [{ label: 'the deleter commits a deletion vector', next: checked(next, 'a deletion vector') }];
}

/** All rows into two buckets, in one step: an OVERWRITE is planned anew on each base. */
function rescaleSteps(state: DutiesState, { decideGuards }: Deciders): readonly Step<DutiesState>[] {
  const { live } = state.bucket;
  const newest = newestRows(live);
  if (state.schemaId === 0 || newest === 'tie' || live.every(file => file.totalBuckets === 2)) return [];
  const adds = [...newest.values()]
    .filter(row => !isMarked(state, row))
    .map((row, at): DataFile => {
      const { schemaId, names } = state;
      return {
        name: names + at,
        level: 0,
        bucket: row.key % 2,
        totalBuckets: 2,
        schemaId,
        uploadBegan: 0,
        rows: [row],
      };
    });
  const plan = commitPlan({
    kind: 'OVERWRITE',
    schemaId: state.schemaId,
    deletes: live.map(plannedFile),
    adds: adds.map(plannedFile),
  });
  const facts = guardFacts(state.bucket, [...live, ...adds], indexFacts(state));
  if (decideGuards(plan, facts).kind !== 'pass') return [];
  const bucket = afterCommit(state.bucket, { deletes: live, adds });
  const next: DutiesState = { ...state, bucket, names: state.names + adds.length };
  return [{ label: 'an overwrite puts all rows into two buckets', next: checked(next, 'a change of buckets') }];
}

function checked(state: DutiesState, after: string): DutiesState {
  const { live } = state.bucket;
  const newest = newestRows(live);
  if (newest === 'tie') return { ...state, breach: `P6: after ${after} two rows have one sequence number` };
  for (const key of keys) {
    const row = newest.get(key);
    const file = live.find(({ rows }) => row !== undefined && rows.includes(row));
    const isGone = row === undefined || file === undefined || isMarked(state, row);
    const seen = isGone ? undefined : row.change;
    if (seen !== state.content[key]) return { ...state, breach: `P11: after ${after} key ${key} reads wrong` };
  }
  return state;
}

function layoutBreach({ bucket }: DutiesState): string | undefined {
  const stray = bucket.live.find(file => file.totalBuckets !== bucket.live[0]?.totalBuckets);
  return stray === undefined ? undefined : `P10: file ${stray.name} counts other buckets than its partition`;
}

function textOf(state: DutiesState): string {
  const text = new StateText();
  const { changes, compactions, deletes } = state.left;
  text.numbers(state.schemaId, changes, compactions, deletes);
  text.flags(state.indexCount > 0, state.breach !== undefined);
  text.list(state.bucket.live, file => writeFile(text, file));
  for (const change of state.content) text.identity(change ?? -1);
  text.list(state.marks, ({ file, key }) => text.identity(file.name).numbers(key));
  text.list(state.written === undefined ? [] : [state.written], file => writeFile(text, file));
  text.list(state.rewrite === undefined ? [] : [...state.rewrite.before, state.rewrite.after], file =>
    writeFile(text, file),
  );
  const read = state.rewrite?.read;
  text.flags(read !== undefined);
  text.list([...(read?.values() ?? [])], identity => text.numbers(Number(identity ?? -1)));
  text.list(state.marking === undefined ? [] : [state.marking], ({ file }) => writeFile(text, file));
  return text.text;
}
