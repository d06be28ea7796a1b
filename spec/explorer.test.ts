import { expect, test } from 'vitest';
import { assert } from '../src/base/assert.ts';
import { explore, type Model, printBreach, type Step } from './explorer.ts';
import { StateText, symmetricText } from './state-text.ts';

/** Two processes that each add 1 to a number in a store, without any care. */
type Counting = {
  readonly stored: number;
  readonly processes: readonly [Process, Process];
};
type Process = { readonly phase: 'idle' | 'read' | 'done'; readonly seen: number };

const idle: Process = { phase: 'idle', seen: 0 };
const phases = ['idle', 'read', 'done'];

function countingSteps(state: Counting): readonly Step<Counting>[] {
  return state.processes.flatMap((process, index) => {
    const become = (next: Process, stored = state.stored): Counting => {
      const [a, b] = state.processes;
      return { stored, processes: index === 0 ? [next, b] : [a, next] };
    };
    switch (process.phase) {
      case 'idle':
        return [{ label: `${index} reads`, next: become({ phase: 'read', seen: state.stored }) }];
      case 'read':
        return [{ label: `${index} writes`, next: become({ ...process, phase: 'done' }, process.seen + 1) }];
      default:
        return [];
    }
  });
}

function countingText({ stored, processes }: Counting, order: readonly (0 | 1)[]): string {
  const text = new StateText().numbers(stored);
  for (const index of order) text.numbers(phases.indexOf(processes[index].phase), processes[index].seen);
  return text.text;
}

function countingModel(changes: Partial<Model<Counting>> = {}): Model<Counting> {
  return {
    name: 'counting',
    initial: [{ stored: 0, processes: [idle, idle] }],
    steps: countingSteps,
    textOf: state => symmetricText(order => countingText(state, order)),
    breachOf: () => undefined,
    ...changes,
  };
}

function isLost({ stored, processes }: Counting): string | undefined {
  const doneCount = processes.filter(({ phase }) => phase === 'done').length;
  return stored < doneCount ? 'no addition is lost' : undefined;
}

test('a lost update is found, with a shortest trace', () => {
  const { breach, depth } = explore(countingModel({ breachOf: isLost }));
  expect(breach?.invariant).toBe('no addition is lost');
  expect(breach?.trace).toHaveLength(4);
  expect(breach?.trace.toSorted()).toEqual(['0 reads', '0 writes', '1 reads', '1 writes']);
  expect(depth).toBe(4);
});

test('a trace can be walked: each of its steps may happen where it stands', () => {
  const model = countingModel({ breachOf: isLost });
  let state = model.initial[0];
  for (const label of explore(model).breach?.trace ?? []) {
    assert(state !== undefined, 'there is a state');
    state = model.steps(state).find(step => step.label === label)?.next;
  }
  assert(state !== undefined, 'the trace was walked to its end');
  expect(isLost(state)).toBe('no addition is lost');
});

test('every state is counted once: two counters up to three have sixteen', () => {
  const upTo = 3;
  const grid: Model<readonly [number, number]> = {
    name: 'grid',
    initial: [[0, 0]],
    steps: ([x, y]) => [
      ...(x < upTo ? [{ label: 'x', next: [x + 1, y] as const }] : []),
      ...(y < upTo ? [{ label: 'y', next: [x, y + 1] as const }] : []),
    ],
    textOf: ([x, y]) => new StateText().numbers(x, y).text,
    breachOf: () => undefined,
  };
  expect(explore(grid)).toEqual({ name: 'grid', states: 16, transitions: 24, depth: 6, breach: undefined });
});

test('more states than the table of hashes has room for at first', () => {
  const numbersMax = 200_000;
  const line: Model<number> = {
    name: 'line',
    initial: [0],
    steps: at => (at + 1 < numbersMax ? [{ label: 'on', next: at + 1 }] : []),
    textOf: at => at.toString(36),
    breachOf: () => undefined,
  };
  expect(explore(line)).toMatchObject({ states: numbersMax, depth: numbersMax - 1 });
  expect(() => explore(line, { statesMax: 1_000 })).toThrow('line has more than 1000 states');
});

test('an assertion of the code under test that fails is a breach; any other error is not caught', () => {
  const failing = (error: () => void): Model<Counting> =>
    countingModel({
      steps: state => {
        if (state.processes.every(({ phase }) => phase === 'read')) error();
        return countingSteps(state);
      },
    });
  const { breach } = explore(failing(() => assert(false, 'two at once')));
  expect(breach?.invariant).toBe('P0 (two at once)');
  expect(breach?.trace).toHaveLength(2);
  const broken = failing(() => {
    throw new TypeError('a bug of the model');
  });
  expect(() => explore(broken)).toThrow('a bug of the model');
});

test('an initial state may be a breach by itself', () => {
  const { breach } = explore(countingModel({ breachOf: () => 'nothing holds' }));
  expect(breach).toEqual({ invariant: 'nothing holds', trace: [] });
});

test('symmetry halves the states and hides no breach', () => {
  const plain = countingModel({ textOf: state => countingText(state, [0, 1]) });
  const [all, reduced] = [explore(plain), explore(countingModel())];
  expect(reduced.states).toBeLessThan(all.states);
  expect(reduced.depth).toBe(all.depth);
  const found = explore({ ...plain, breachOf: isLost }).breach;
  expect(explore(countingModel({ breachOf: isLost })).breach?.trace.length).toBe(found?.trace.length);
});

test('identities are renamed in the order in which they are written', () => {
  const written = (identities: readonly number[]): string => {
    const out = new StateText();
    for (const identity of identities) out.identity(identity);
    return out.text;
  };
  expect(written([7, 3, 7])).toBe(written([1, 2, 1]));
  expect(written([7, 3, 7])).not.toBe(written([1, 2, 2]));
  expect(written([-1, 3])).not.toBe(written([1, 3]));
});

test('a breach is printed with its steps numbered', () => {
  expect(printBreach({ invariant: 'P1: one chain', trace: ['a', 'b'] })).toBe(
    'breach of P1: one chain\n   1. a\n   2. b',
  );
});
