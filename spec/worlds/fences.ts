/**
 * The end of a table and its successors under one name: drops, tables made anew, folders that vanish, numbers that somebody
 * takes back, and writers that know nothing of it (PROTOCOL 2; rules S1, S10, S11).
 *
 * A commit looks at the head, asks the product's decider, and swaps in one step; a swap that is lost looks again.
 */
import type { BaseFacts } from '../../src/table/commit/decide-base.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { replaced, StateText } from '../state-text.ts';

export type FencesBounds = { readonly commits: number; readonly tables: number; readonly foreigners: number };

type Snap = {
  readonly identity: number;
  /** -1: a foreign writer's, which names no table. */
  readonly table: number;
  readonly isMarker: boolean;
  /** Whose state it carries. */
  readonly stateOf: number;
};
type Writer = {
  readonly table: number;
  readonly left: number;
  /** The newest snapshot it knows. */
  readonly known: { readonly id: number; readonly identity: number } | undefined;
};

type FencesState = {
  /** By number, from 1. */
  readonly line: readonly Snap[];
  /** The table whose schema lies there; undefined: none. */
  readonly schemaOf: number | undefined;
  /** The truth: the table that may be written under the name. */
  readonly owner: number | undefined;
  readonly writers: readonly Writer[];
  readonly tables: number;
  readonly commits: number;
  readonly foreigners: number;
  readonly identities: number;
  /** Somebody may take back numbers, or the folder, once. */
  readonly rewrites: number;
  readonly breach: string | undefined;
};

const foreign = -1;
const nameOf = (table: number): string => `table-${table}`;

export function fencesWorld(deciders: Deciders, bounds: FencesBounds): Model<FencesState> {
  const initial: FencesState = {
    line: [],
    schemaOf: 1,
    owner: 1,
    writers: [{ table: 1, left: bounds.commits, known: undefined }],
    tables: bounds.tables,
    commits: bounds.commits,
    foreigners: bounds.foreigners,
    identities: 0,
    rewrites: 1,
    breach: undefined,
  };
  return {
    name: 'fences',
    initial: [initial],
    steps: state => stepsOf(state, deciders),
    textOf,
    breachOf: state => state.breach,
  };
}

function stepsOf(state: FencesState, deciders: Deciders): readonly Step<FencesState>[] {
  if (state.breach !== undefined) return [];
  const steps = state.writers.flatMap((writer, index) =>
    writer.left === 0 ? [] : [lookStep(state, index, writer, deciders), commitStep(state, index, writer, deciders)],
  );
  return [...steps, ...ownerSteps(state), ...rewriteSteps(state)];
}

/** A writer looks for its base and goes no further. */
function lookStep(state: FencesState, index: number, writer: Writer, deciders: Deciders): Step<FencesState> {
  const who = `writer of ${nameOf(writer.table)}`;
  const { kind } = decided(state, writer, deciders);
  const head = state.line.at(-1);
  const known = head === undefined ? writer.known : { id: state.line.length, identity: head.identity };
  const next = kind === 'use' ? { ...writer, known } : { ...writer, left: 0 };
  return { label: `${who} looks at the head: ${kind}`, next: withWriter(state, index, next) };
}

function commitStep(state: FencesState, index: number, writer: Writer, deciders: Deciders): Step<FencesState> {
  const who = `writer of ${nameOf(writer.table)}`;
  const decision = decided(state, writer, deciders);
  if (decision.kind !== 'use') {
    return { label: `${who} is fenced`, next: withWriter(state, index, { ...writer, left: 0 }) };
  }
  const id = state.line.length + 1;
  const base = state.line.at(-1);
  const stateOf = decision.fresh || base === undefined ? writer.table : base.stateOf;
  const snap: Snap = { identity: state.identities, table: writer.table, isMarker: false, stateOf };
  const known = { id, identity: snap.identity };
  const next: FencesState = {
    ...withWriter(state, index, { ...writer, left: writer.left - 1, known }),
    line: [...state.line, snap],
    identities: state.identities + 1,
    breach: breachAt(state, writer, stateOf),
  };
  return { label: `${who} commits ${id}`, next };
}

function breachAt(state: FencesState, { table, known }: Writer, stateOf: number): string | undefined {
  if (state.owner !== table) return `P13: a writer of ${nameOf(table)} commits where ${nameOf(state.owner ?? 0)} is`;
  if (stateOf !== table) return `P13: ${nameOf(table)} begins with the state of ${nameOf(stateOf)}`;
  const isBelow = known !== undefined && state.line[known.id - 1]?.identity !== known.identity;
  return isBelow ? `P14: a writer that knows snapshot ${known.id} builds on a history without it` : undefined;
}

function decided(state: FencesState, writer: Writer, { decideBase }: Deciders): ReturnType<Deciders['decideBase']> {
  const head = state.line.at(-1);
  const facts: BaseFacts = {
    tableId: nameOf(writer.table),
    knownId: writer.known?.id,
    head:
      head === undefined
        ? undefined
        : {
            id: state.line.length,
            tableId: head.table === foreign ? undefined : nameOf(head.table),
            dropped: head.isMarker,
          },
    newestSchemaTableId: 'not-read',
  };
  const decision = decideBase(facts);
  if (decision.kind !== 'look') return decision;
  const { schemaOf } = state;
  return decideBase({ ...facts, newestSchemaTableId: schemaOf === undefined ? 'gone' : { tableId: nameOf(schemaOf) } });
}

/** What the owner of the name does: the marker, then the schema goes (S10); then a table is made anew. */
function ownerSteps(state: FencesState): readonly Step<FencesState>[] {
  const { schemaOf, owner, line } = state;
  const head = line.at(-1);
  if (schemaOf === undefined) {
    if (state.tables === 0) return [];
    const table = 1 + Math.max(...state.writers.map(writer => writer.table));
    const writer: Writer = { table, left: state.commits, known: undefined };
    const made = {
      ...state,
      schemaOf: table,
      owner: table,
      tables: state.tables - 1,
      writers: [...state.writers, writer],
    };
    return [{ label: `${nameOf(table)} is made under the name`, next: made }];
  }
  const steps: Step<FencesState>[] = [];
  if (owner === undefined) steps.push({ label: 'the schema goes', next: { ...state, schemaOf: undefined } });
  else {
    const snap: Snap = { identity: state.identities, table: owner, isMarker: true, stateOf: owner };
    const dropped = { ...state, line: [...line, snap], identities: state.identities + 1, owner: undefined };
    steps.push({ label: `${nameOf(owner)} is dropped: ${line.length + 1} is its marker`, next: dropped });
  }
  // Numbers that were freed and mean something else are more than anybody could see.
  if (state.foreigners > 0 && state.rewrites > 0 && owner !== undefined && head !== undefined && !head.isMarker) {
    const snap: Snap = { identity: state.identities, table: foreign, isMarker: false, stateOf: head.stateOf };
    const next = {
      ...state,
      line: [...line, snap],
      identities: state.identities + 1,
      foreigners: state.foreigners - 1,
    };
    steps.push({ label: `a foreign writer commits ${line.length + 1}`, next });
  }
  return steps;
}

/** What others do to the files: the top is taken back, or all of it goes. */
function rewriteSteps(state: FencesState): readonly Step<FencesState>[] {
  if (state.rewrites === 0 || state.line.length < 2) return [];
  const rest = { ...state, rewrites: 0 };
  // Who has seen nothing of the table yet would have to open it first.
  const writers = state.writers.map(writer => (writer.known === undefined ? { ...writer, left: 0 } : writer));
  const removed = { ...rest, writers, line: [], schemaOf: undefined, owner: undefined };
  const steps: Step<FencesState>[] = [{ label: 'the whole folder is removed', next: removed }];
  const top = state.line.at(-1);
  if (top !== undefined && !top.isMarker && !state.line.some(({ isMarker }) => isMarker)) {
    steps.push({
      label: `snapshot ${state.line.length} is taken back`,
      next: { ...rest, line: state.line.slice(0, -1) },
    });
  }
  return steps;
}

function withWriter(state: FencesState, index: number, writer: Writer): FencesState {
  return { ...state, writers: replaced(state.writers, index, writer) };
}

function textOf(state: FencesState): string {
  const text = new StateText();
  text.numbers(state.schemaOf ?? 0, state.owner ?? 0, state.tables, state.foreigners, state.rewrites);
  text.flags(state.breach !== undefined);
  text.list(state.line, ({ identity, table, isMarker, stateOf }) =>
    text.identity(identity).numbers(table, stateOf).flags(isMarker),
  );
  return text.list(state.writers, ({ table, left, known }) => {
    text.numbers(table, left, known?.id ?? 0).identity(known?.identity ?? -1);
  }).text;
}
