/**
 * The orphan cleaner beside writers who stall for as long as they like between an upload and its commit, and beside a tag
 * that is renamed (PROTOCOL 5; rules S7, R3, R4).
 *
 * The cleaner takes the steps of remove-orphan-files.ts: roots, references, objects, roots again, deletions.
 */

import type { LineRoots } from '../../src/maintenance/decide-orphans.ts';
import { baseFreshMs } from '../../src/table/commit/limits.ts';
import { commitPlan } from '../../src/table/commit/request.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { StateText, symmetricText } from '../state-text.ts';
import { type DataFile, emptyBucket, guardFacts, minuteMs, plannedFile } from './bucket.ts';

export type OrphansBounds = {
  readonly writers: 1 | 2;
  readonly uploads: number;
  readonly others: number;
  readonly cleanings: number;
  readonly waits: number;
};

/** An object; a name without one is a breach if anything names it. */
type StoredFile = { readonly name: number; readonly at: number };
type Snap = { readonly at: number; readonly names: readonly number[] };
type Tag = { readonly tag: number; readonly name: number };

type Writer = {
  readonly phase: 'idle' | 'uploading' | 'uploaded' | 'based' | 'sending' | 'done';
  readonly uploads: number;
  readonly name: number;
  readonly began: number;
  readonly base: number;
  readonly baseAt: number;
};

type Cleaner = {
  readonly phase: 'idle' | 'rooted' | 'read-snapshots' | 'listed-tags' | 'referenced' | 'listed' | 'deleting';
  readonly began: number;
  readonly cutoffMs: number;
  readonly roots: LineRoots | undefined;
  readonly tags: readonly Tag[];
  readonly referenced: readonly number[];
  readonly orphans: readonly number[];
};

type OrphansState = {
  readonly now: number;
  /** From number 1 on. */
  readonly line: readonly Snap[];
  readonly files: readonly StoredFile[];
  readonly tags: readonly Tag[];
  readonly writers: readonly [Writer, Writer];
  readonly cleaner: Cleaner;
  readonly others: number;
  readonly cleanings: number;
  readonly waits: number;
  readonly names: number;
};

/** Less than U, and more than O. */
const waitsMin = [700, 1_451] as const;
const taggedFile = 1;
const idle: Cleaner = {
  phase: 'idle',
  began: 0,
  cutoffMs: 0,
  roots: undefined,
  tags: [],
  referenced: [],
  orphans: [],
};

export function orphansWorld(deciders: Deciders, bounds: OrphansBounds): Model<OrphansState> {
  const writer: Writer = { phase: 'idle', uploads: bounds.uploads, name: 0, began: 0, base: 0, baseAt: 0 };
  const initial: OrphansState = {
    now: 0,
    line: [{ at: 0, names: [0] }],
    files: [
      { name: 0, at: 0 },
      { name: taggedFile, at: 0 },
    ],
    tags: [{ tag: 0, name: taggedFile }],
    writers: [writer, bounds.writers === 2 ? writer : { ...writer, phase: 'done' }],
    cleaner: idle,
    others: bounds.others,
    cleanings: bounds.cleanings,
    waits: bounds.waits,
    names: 2,
  };
  return {
    name: 'orphans',
    initial: [initial],
    steps: state => stepsOf(state, deciders),
    textOf: state => symmetricText(order => textOf(state, order)),
    breachOf,
  };
}

/** P15: whatever a snapshot or a tag names is there. */
function breachOf({ line, tags, files }: OrphansState): string | undefined {
  const there = new Set(files.map(({ name }) => name));
  const named = [...line.flatMap(({ names }) => names), ...tags.map(({ name }) => name)];
  const missing = named.find(name => !there.has(name));
  return missing === undefined ? undefined : `P15: file ${missing} is named and is not there`;
}

function stepsOf(state: OrphansState, deciders: Deciders): readonly Step<OrphansState>[] {
  const steps = [
    ...writerSteps(state, 0, deciders),
    ...writerSteps(state, 1, deciders),
    ...cleanerSteps(state, deciders),
    ...tagSteps(state),
  ];
  if (state.others > 0) {
    const line = [...state.line, { at: state.now, names: state.line.at(-1)?.names ?? [] }];
    steps.push({ label: `another writer commits ${line.length}`, next: { ...state, line, others: state.others - 1 } });
  }
  if (state.waits > 0) {
    for (const minutes of waitsMin) {
      const next = { ...state, now: state.now + minutes, waits: state.waits - 1 };
      steps.push({ label: `${minutes} minutes pass`, next });
    }
  }
  return steps;
}

function writerSteps(state: OrphansState, index: 0 | 1, deciders: Deciders): readonly Step<OrphansState>[] {
  const writer = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  const become = (changes: Partial<Writer>, world: OrphansState = state): OrphansState =>
    withWriter(world, index, changes);
  switch (writer.phase) {
    case 'idle': {
      if (writer.uploads === 0) return [];
      const began = become({ phase: 'uploading', name: state.names, began: state.now, uploads: writer.uploads - 1 });
      return [{ label: `${who} begins to upload file ${state.names}`, next: { ...began, names: state.names + 1 } }];
    }
    case 'uploading': {
      const files = [...state.files, { name: writer.name, at: state.now }];
      return [{ label: `file ${writer.name} is there`, next: become({ phase: 'uploaded' }, { ...state, files }) }];
    }
    case 'uploaded': {
      const base = state.line.length;
      return [{ label: `${who} looks up base ${base}`, next: become({ phase: 'based', base, baseAt: state.now }) }];
    }
    case 'based': {
      const isYoung = guardPasses(writer, deciders);
      const label = isYoung ? `${who} sends snapshot ${writer.base + 1}` : `${who} finds file ${writer.name} too old`;
      return [{ label, next: become({ phase: isYoung ? 'sending' : 'idle' }) }];
    }
    case 'sending': {
      const isFree = state.line.length === writer.base;
      if (!isFree) return [{ label: `${who} has lost ${writer.base + 1}`, next: become({ phase: 'uploaded' }) }];
      const names = [...(state.line.at(-1)?.names ?? []), writer.name];
      const world = { ...state, line: [...state.line, { at: state.now, names }] };
      return [
        { label: `${who} commits ${writer.base + 1} with file ${writer.name}`, next: become({ phase: 'done' }, world) },
      ];
    }
    default:
      return [];
  }
}

function guardPasses({ name, began, baseAt }: Writer, { decideGuards }: Deciders): boolean {
  const rows = [{ key: 0, sequence: 0, isDelete: false, change: 0 }];
  const file: DataFile = { name, level: 0, bucket: 0, totalBuckets: 1, schemaId: 0, uploadBegan: began, rows };
  const plan = commitPlan({ kind: 'APPEND', schemaId: 0, adds: [plannedFile(file)] });
  return decideGuards(plan, guardFacts(emptyBucket, [file], { baseStoreTimeMs: baseAt * minuteMs })).kind === 'pass';
}

/** Whoever renames a tag writes the new one before the old one goes. */
function tagSteps(state: OrphansState): readonly Step<OrphansState>[] {
  const [first, second] = state.tags;
  if (first?.tag === 0 && second === undefined) {
    return [
      { label: 'the tag is written under another name', next: { ...state, tags: [first, { ...first, tag: 1 }] } },
    ];
  }
  if (first?.tag === 0 && second !== undefined) {
    return [{ label: 'its former name is removed', next: { ...state, tags: [second] } }];
  }
  return [];
}

function rootsOf({ line, tags }: OrphansState): LineRoots {
  return {
    metaPath: 't',
    snapshots: new Map(line.map(({ at }, index) => [index + 1, `${index + 1}@${at}`])),
    others: tags.map(({ tag }) => `tag-${tag}`),
  };
}

function cleanerSteps(state: OrphansState, deciders: Deciders): readonly Step<OrphansState>[] {
  const { cleaner, now, line, files } = state;
  const become = (label: string, changes: Partial<Cleaner>): readonly Step<OrphansState>[] => [
    { label, next: { ...state, cleaner: { ...cleaner, ...changes } } },
  ];
  switch (cleaner.phase) {
    case 'idle': {
      if (state.cleanings === 0) return [];
      const headAt = line.at(-1)?.at ?? 0;
      const cutoffMs = deciders.orphanCutoffMs([headAt * minuteMs]);
      const rooted: Cleaner = { ...idle, phase: 'rooted', began: now, cutoffMs: cutoffMs ?? 0, roots: rootsOf(state) };
      const next = { ...state, cleanings: state.cleanings - 1, cleaner: rooted };
      return [{ label: 'the cleaner lists the roots', next }];
    }
    case 'rooted':
      return become('the cleaner reads the snapshots', {
        phase: 'read-snapshots',
        referenced: [...new Set(line.flatMap(({ names }) => names))],
      });
    case 'read-snapshots':
      return become('the cleaner lists the tags', { phase: 'listed-tags', tags: state.tags });
    case 'listed-tags': {
      // A tag that is gone between the listing and the look is passed over.
      const read = cleaner.tags.filter(({ tag }) => state.tags.some(there => there.tag === tag));
      const referenced = [...cleaner.referenced, ...read.map(({ name }) => name)];
      return become('the cleaner reads the tags', { phase: 'referenced', tags: [], referenced });
    }
    case 'referenced': {
      const names = new Set(cleaner.referenced.map(pathOf));
      const orphans = files
        .filter(({ name, at }) =>
          deciders.isOrphan(
            { path: `bucket-0/${pathOf(name)}`, lastModifiedMs: at * minuteMs },
            names,
            cleaner.cutoffMs,
          ),
        )
        .map(({ name }) => name);
      return become('the cleaner lists the objects', { phase: 'listed', orphans });
    }
    case 'listed': {
      const isInTime = (now - cleaner.began) * minuteMs < baseFreshMs;
      const isSame = cleaner.roots !== undefined && deciders.rootsEqual([cleaner.roots], [rootsOf(state)]);
      if (isInTime && isSame && cleaner.orphans.length > 0) {
        return become('the roots are the same', { phase: 'deleting', roots: undefined, referenced: [], began: 0 });
      }
      return [{ label: 'the cleaner ends', next: { ...state, cleaner: idle } }];
    }
    case 'deleting':
      return [deletion(state)];
  }
}

function deletion(state: OrphansState): Step<OrphansState> {
  const { cleaner } = state;
  const [name = 0, ...rest] = cleaner.orphans;
  const files = state.files.filter(file => file.name !== name);
  const next = rest.length === 0 ? idle : { ...cleaner, orphans: rest };
  return { label: `the cleaner deletes file ${name}`, next: { ...state, files, cleaner: next } };
}

function pathOf(name: number): string {
  return `data-${name}`;
}

function withWriter(state: OrphansState, index: 0 | 1, changes: Partial<Writer>): OrphansState {
  const [a, b] = state.writers;
  return { ...state, writers: index === 0 ? [{ ...a, ...changes }, b] : [a, { ...b, ...changes }] };
}

const writerPhases: readonly Writer['phase'][] = ['idle', 'uploading', 'uploaded', 'based', 'sending', 'done'];
const cleanerPhases: readonly Cleaner['phase'][] = [
  'idle',
  'rooted',
  'read-snapshots',
  'listed-tags',
  'referenced',
  'listed',
  'deleting',
];

function textOf(state: OrphansState, order: readonly [0, 1] | readonly [1, 0]): string {
  const { now, line, cleaner } = state;
  const text = new StateText();
  text.numbers(state.others, state.cleanings, state.waits, now, line.length, line.at(-1)?.at ?? 0);
  for (const index of order) {
    const { phase, uploads, name, began, base, baseAt } = state.writers[index];
    text.numbers(writerPhases.indexOf(phase), uploads);
    if (phase === 'idle' || phase === 'done') continue;
    text.numbers(began, phase === 'uploading' ? 0 : base, baseAt).identity(name);
  }
  text.list(line.at(-1)?.names ?? [], name => text.identity(name));
  text.list(state.files, ({ name, at }) => text.identity(name).numbers(at));
  text.list(state.tags, ({ tag }) => text.numbers(tag));
  text.numbers(cleanerPhases.indexOf(cleaner.phase), now - cleaner.began, cleaner.cutoffMs / minuteMs + 2_000);
  text.list([...cleaner.referenced, ...cleaner.orphans], name => text.identity(name));
  text.numbers(cleaner.orphans.length).list(cleaner.tags, ({ tag }) => text.numbers(tag));
  return text.list(cleaner.roots?.others ?? [], tag => text.numbers(tag.charCodeAt(4))).text;
}
