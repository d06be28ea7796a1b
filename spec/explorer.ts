/**
 * Explores every interleaving of a small world, breadth first, so that the first breach it finds has a shortest trace.
 *
 * A world is a pure function from a state to what may happen next. States are plain values and never changed. Two states
 * are the same when their texts are: a world writes out what matters and renames what is interchangeable (actors that do
 * the same, identities that are only compared), which is the whole of the symmetry reduction.
 *
 * Of a state that has been seen only a hash of 64 bits and the state it was reached from are kept (12 bytes, and 8 of
 * index). Two texts may have one hash, and the second is then taken for seen: with n states the chance of any such pair is
 * about n² / 2^65, which is 3 in 10,000,000 for 3,000,000 states. A trace is found by walking the same way again.
 */
import { AssertionError, present } from '../src/base/assert.ts';

export type Step<S> = { readonly label: string; readonly next: S };

export type Model<S> = {
  readonly name: string;
  readonly initial: readonly S[];
  /** All that may happen next. A failed assertion of the code under test is a breach, too. */
  readonly steps: (state: S) => readonly Step<S>[];
  /** The same text for states that differ only in what does not matter. */
  readonly textOf: (state: S) => string;
  /** The invariant that does not hold, with its number; undefined: all hold. */
  readonly breachOf: (state: S) => string | undefined;
};

export type Breach = {
  readonly invariant: string;
  /** What happened, in order; one of the shortest ways there. */
  readonly trace: readonly string[];
};

export type Exploration = {
  readonly name: string;
  readonly states: number;
  readonly transitions: number;
  /** Steps to the farthest state. */
  readonly depth: number;
  readonly breach: Breach | undefined;
};

/** Beyond this a world is too large, which is a mistake in its bounds. */
export const statesMaxDefault = 8_000_000;

/** @throws RangeError when there are more states than `statesMax` */
export function explore<S>(model: Model<S>, options: { readonly statesMax?: number } = {}): Exploration {
  const { statesMax = statesMaxDefault } = options;
  const seen = new SeenStates();
  let frontier: { readonly state: S; readonly index: number }[] = [];
  let [transitions, depth] = [0, 0];
  const end = (breach: Breach | undefined): Exploration => {
    return { name: model.name, states: seen.count, transitions, depth, breach };
  };
  for (const state of model.initial) {
    const index = seen.add(model.textOf(state), noParent);
    if (index === undefined) continue;
    const invariant = model.breachOf(state);
    if (invariant !== undefined) return end({ invariant, trace: [] });
    frontier.push({ state, index });
  }
  while (frontier.length > 0) {
    const reached: typeof frontier = [];
    for (const { state, index } of frontier) {
      const steps = stepsOf(model, state);
      if (typeof steps === 'string') return end({ invariant: steps, trace: traceTo(model, seen, index) });
      for (const { next } of steps) {
        transitions += 1;
        const at = seen.add(model.textOf(next), index);
        if (at === undefined) continue;
        const invariant = model.breachOf(next);
        if (invariant !== undefined) {
          depth += 1;
          return end({ invariant, trace: traceTo(model, seen, at) });
        }
        reached.push({ state: next, index: at });
      }
      if (seen.count > statesMax) throw new RangeError(`${model.name} has more than ${statesMax} states`);
    }
    if (reached.length > 0) depth += 1;
    frontier = reached;
  }
  return end(undefined);
}

/** For people. */
export function printBreach({ invariant, trace }: Breach): string {
  return [`breach of ${invariant}`, ...trace.map((label, at) => `  ${String(at + 1).padStart(2)}. ${label}`)].join(
    '\n',
  );
}

function stepsOf<S>(model: Model<S>, state: S): readonly Step<S>[] | string {
  try {
    return model.steps(state);
  } catch (error) {
    if (error instanceof AssertionError) return `P0 (${error.message})`;
    throw error;
  }
}

/** Walks the way again: of each state the first step that leads to the hash which comes next. */
function traceTo<S>(model: Model<S>, seen: SeenStates, index: number): readonly string[] {
  const way = seen.wayTo(index);
  const first = present(way[0], 'the beginning of a way');
  let state = present(
    model.initial.find(initial => seen.isAt(first, model.textOf(initial))),
    'the state a way begins with',
  );
  const labels: string[] = [];
  for (const at of way.slice(1)) {
    const step = present(
      model.steps(state).find(({ next }) => seen.isAt(at, model.textOf(next))),
      'the step that was taken',
    );
    labels.push(step.label);
    state = step.next;
  }
  return labels;
}

const noParent = -1;
const slotsAtFirst = 1 << 16;
/** Part of the slots that may be taken. */
const fillMax = 0.5;

/** A set of hashes, open addressing; each with where it was reached from. */
class SeenStates {
  count = 0;
  #high = new Uint32Array(slotsAtFirst * fillMax);
  #low = new Uint32Array(slotsAtFirst * fillMax);
  #parents = new Int32Array(slotsAtFirst * fillMax);
  /** Index + 1 by hash; 0: free. */
  #slots = new Uint32Array(slotsAtFirst);

  /** @returns its index; undefined: it was there */
  add(text: string, parent: number): number | undefined {
    const high = hash(text, 0x9e3779b9, 0x85ebca6b);
    const low = hash(text, 0x7f4a7c15, 0xc2b2ae35);
    const slot = this.#slotOf(high, low);
    if (this.#slots[slot] !== 0) return undefined;
    const index = this.count;
    this.#high[index] = high;
    this.#low[index] = low;
    this.#parents[index] = parent;
    this.#slots[slot] = index + 1;
    this.count += 1;
    if (this.count >= this.#slots.length * fillMax) this.#grow();
    return index;
  }

  isAt(index: number, text: string): boolean {
    return (
      this.#high[index] === hash(text, 0x9e3779b9, 0x85ebca6b) &&
      this.#low[index] === hash(text, 0x7f4a7c15, 0xc2b2ae35)
    );
  }

  /** Indexes from an initial state to this one. */
  wayTo(index: number): readonly number[] {
    const way: number[] = [];
    for (let at = index; at !== noParent; at = this.#parents[at] ?? noParent) way.push(at);
    return way.reverse();
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index < 0 || (this.#low[index] === low && this.#high[index] === high)) return slot;
    }
  }

  #grow(): void {
    const length = this.#slots.length * 2;
    const larger = <A extends Uint32Array | Int32Array>(array: A, into: A): A => {
      into.set(array);
      return into;
    };
    this.#high = larger(this.#high, new Uint32Array(length * fillMax));
    this.#low = larger(this.#low, new Uint32Array(length * fillMax));
    this.#parents = larger(this.#parents, new Int32Array(length * fillMax));
    this.#slots = new Uint32Array(length);
    for (let index = 0; index < this.count; index += 1) {
      this.#slots[this.#slotOf(this.#high[index] ?? 0, this.#low[index] ?? 0)] = index + 1;
    }
  }
}

/** 32 bits of a text; the two seeds make two independent halves of 64. */
function hash(text: string, seed: number, multiplier: number): number {
  let value = seed ^ text.length;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), multiplier);
    value ^= value >>> 15;
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
