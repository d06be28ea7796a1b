import { expect, test } from 'vitest';
import { decideSettle, type SwapEvidence, type SwapVerdict } from './decide-settle.ts';
import { baseFreshMs, supersededStaysMs } from './limits.ts';

// A small world, walked exhaustively: our PUT at number 1 is sent once or twice, each sending takes effect at some moment
// or never, its answer comes back or is lost; a rival may take the number; the chain goes on; expiry removes a snapshot
// once it has been superseded for A, never the two newest. Whatever we are told in the end must be true.

type Taken = 'nobody' | 'ours' | 'another';
type World = {
  nowMs: number;
  /** Which snapshot is truly in the chain at number 1. */
  chain: Taken;
  /** What lies at number 1 now; differs from the chain after expiry and after a late PUT into the hole. */
  at1: Taken;
  /** When number 2 came, naming the chain's number 1 as its parent. */
  supersededAtMs: number | undefined;
  /** Numbers above 2 exist. */
  goneOn: boolean;
  at2: boolean;
};

const begin: World = { nowMs: 0, chain: 'nobody', at1: 'nobody', supersededAtMs: undefined, goneOn: false, at2: false };
const stepMs = baseFreshMs / 2 + 1;

function rivalTakes(world: World): World | undefined {
  return world.chain === 'nobody' ? { ...world, chain: 'another', at1: 'another' } : undefined;
}

function supersede(world: World): World | undefined {
  if (world.chain === 'nobody' || world.supersededAtMs !== undefined) return undefined;
  return { ...world, supersededAtMs: world.nowMs, at2: true };
}

function goOn(world: World): World | undefined {
  return world.supersededAtMs === undefined || world.goneOn ? undefined : { ...world, goneOn: true };
}

function expireOne(world: World): World | undefined {
  if (!world.goneOn || world.at1 === 'nobody' || world.supersededAtMs === undefined) return undefined;
  return world.nowMs - world.supersededAtMs > supersededStaysMs ? { ...world, at1: 'nobody' } : undefined;
}

function expireTwo(world: World): World | undefined {
  return world.goneOn && world.at1 === 'nobody' && world.at2 && world.nowMs > 2 * supersededStaysMs
    ? { ...world, at2: false }
    : undefined;
}

function wait(ms: number): (world: World) => World {
  return world => ({ ...world, nowMs: world.nowMs + ms });
}

/** All worlds that can come of this one before the next thing we do. */
function futures(world: World): readonly World[] {
  const moves = [rivalTakes, supersede, goOn, expireOne, expireTwo, wait(stepMs), wait(supersededStaysMs + 1)];
  const seen = new Map<string, World>();
  const queue = [world];
  for (let depth = 0; depth < 6; depth += 1) {
    for (const current of queue.splice(0)) {
      const key = JSON.stringify(current);
      if (seen.has(key)) continue;
      seen.set(key, current);
      for (const move of moves) {
        const next = move(current);
        if (next !== undefined && next.nowMs <= 3 * supersededStaysMs) queue.push(next);
      }
    }
  }
  return [...seen.values()];
}

/** Our PUT takes effect. */
function arrive(world: World): { readonly world: World; readonly answer: 'created' | 'exists' } {
  if (world.at1 !== 'nobody') return { world, answer: 'exists' };
  const chain = world.chain === 'nobody' ? 'ours' : world.chain;
  return { world: { ...world, chain, at1: 'ours' }, answer: 'created' };
}

function sound(verdict: SwapVerdict, world: World): boolean {
  switch (verdict) {
    case 'committed':
      return world.chain === 'ours';
    case 'lost':
    case 'void':
      return world.chain === 'another';
    case 'unknown':
      return true;
  }
}

/** Follows the decider through one world that stands still while it looks. */
function settle(world: World, first: Pick<SwapEvidence, 'last' | 'unansweredBefore' | 'answeredMs'>): SwapVerdict {
  let evidence: SwapEvidence = { ...first, baseStoreTimeMs: 0, own: 'not-read', largest: 'not-read', next: 'not-read' };
  for (;;) {
    const step = decideSettle(evidence);
    if (step.kind === 'verdict') return step.verdict;
    if (step.at === 'own') {
      const answeredMs = evidence.last === 'exists' ? world.nowMs : evidence.answeredMs;
      evidence = { ...evidence, answeredMs, own: world.at1 === 'nobody' ? 'absent' : world.at1 };
    } else if (step.at === 'largest') {
      const isOwn = world.at1 !== 'nobody' && world.supersededAtMs === undefined;
      evidence = { ...evidence, largest: isOwn ? 'is-own' : 'is-not-own' };
    } else {
      const link = world.chain === 'ours' ? 'links-to-ours' : 'links-to-another';
      evidence = { ...evidence, next: world.at2 ? link : 'absent' };
    }
  }
}

test('S5: one sending with an answer is never told wrongly', () => {
  let told = 0;
  for (const before of futures(begin)) {
    const { world, answer } = arrive(before);
    for (const after of futures(world)) {
      const verdict = settle(after, { last: answer, unansweredBefore: false, answeredMs: world.nowMs });
      expect(sound(verdict, after), JSON.stringify({ before, after, answer, verdict })).toBe(true);
      told += 1;
    }
  }
  expect(told).toBeGreaterThan(500);
});

test('S5: a sending without an answer followed by one with, in any order of effect, is never told wrongly', () => {
  let told = 0;
  for (const before of futures(begin)) {
    // The first sending takes effect before the second, or not yet.
    for (const first of [before, arrive(before).world]) {
      for (const between of futures(first)) {
        const { world, answer } = arrive(between);
        for (const after of futures(world)) {
          const verdict = settle(after, { last: answer, unansweredBefore: true, answeredMs: world.nowMs });
          expect(sound(verdict, after), JSON.stringify({ before, between, after, answer, verdict })).toBe(true);
          told += 1;
        }
      }
    }
  }
  expect(told).toBeGreaterThan(5_000);
});
