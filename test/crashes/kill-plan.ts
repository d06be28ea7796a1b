/** Who is killed when, and how long it stays dead: a function of the seed alone. */
import { type Random, seededRandom } from '../../src/base/random.ts';
import { seedOf } from '../simulation/chance.ts';

export const victims = ['producer-1', 'producer-2', 'ingest-1', 'ingest-2', 'compactor', 'minio'] as const;
export type Victim = (typeof victims)[number];

export type Kill = {
  /** After the round began. */
  readonly atMs: number;
  /** At once. */
  readonly victims: readonly Victim[];
  readonly deadMs: number;
};
export type Round = {
  readonly durationMs: number;
  readonly kills: readonly Kill[];
  /** How the producers end it. */
  readonly producersEnd: 'killed' | 'stopped';
};

const roundMs = { min: 1_500, max: 3_500 };
const deadMsMax = 600;
const killsMax = 4;

export function killPlan(seed: number, rounds: number): readonly Round[] {
  return Array.from({ length: rounds }, (_, index) => roundOf(seededRandom(seedOf(seed, `round ${index}`))));
}

function roundOf(random: Random): Round {
  const durationMs = Math.floor(roundMs.min + random.next() * (roundMs.max - roundMs.min));
  const kills = Array.from({ length: 1 + Math.floor(random.next() * killsMax) }, () => ({
    atMs: Math.floor(random.next() * durationMs),
    victims: victimsOf(random),
    deadMs: Math.floor(random.next() * deadMsMax),
  }));
  kills.sort((a, b) => a.atMs - b.atMs);
  return { durationMs, kills, producersEnd: random.next() < 0.5 ? 'killed' : 'stopped' };
}

/** One of them for sure, each other with a chance of one in four. */
function victimsOf(random: Random): readonly Victim[] {
  const first = victims[Math.floor(random.next() * victims.length)];
  return victims.filter(victim => victim === first || random.next() < 0.25);
}
