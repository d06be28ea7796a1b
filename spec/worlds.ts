/**
 * All worlds, with the bounds they are explored to: `small` in a few seconds for every change, `full` for what the model is
 * there for. A world may be explored at several bounds, each large in another direction.
 */
import type { Deciders } from './deciders.ts';
import { type Exploration, explore, type Model } from './explorer.ts';
import { compactionWorld } from './worlds/compaction.ts';
import { dutiesWorld } from './worlds/duties.ts';
import { expiryWorld } from './worlds/expiry.ts';
import { fencesWorld } from './worlds/fences.ts';
import { groupCommitWorld, type Poison } from './worlds/group-commit.ts';
import { ingestWorld } from './worlds/ingest.ts';
import { orphansWorld } from './worlds/orphans.ts';
import { swapWorld } from './worlds/swap.ts';

export type WorldName = 'swap' | 'compaction' | 'duties' | 'fences' | 'orphans' | 'expiry' | 'ingest' | 'group commit';
export type Bound = 'small' | 'full';

/** One world at one bound, ready to be explored with any deciders. */
export type Setting = { readonly what: string; readonly explore: (deciders: Deciders) => Exploration };

function settings<B, S>(
  world: (deciders: Deciders, bounds: B) => Model<S>,
  ...bounds: readonly (readonly [string, B])[]
): readonly Setting[] {
  return bounds.map(([what, bound]) => ({ what, explore: deciders => explore(world(deciders, bound)) }));
}

const swapOf = { writers: 1, commits: 1, attempts: 1, others: 3, foreigners: 0, shortWaits: 1, longWaits: 1 } as const;
const expiryOf = { snapshots: 4, runs: 2, deaths: 0, rangeMax: 1, consumers: 0, tags: 0 } as const;
const allPoisons: readonly Poison[] = [
  'none',
  'table',
  'log',
  'upload-age',
  'schema',
  'bucket-count',
  'file-name',
  'partition',
  'sequence',
];

/** In the order in which they are explored: small ones first. */
export const worlds: Readonly<Record<WorldName, Readonly<Record<Bound, readonly Setting[]>>>> = {
  swap: {
    small: settings(
      swapWorld,
      ['one writer', { ...swapOf, others: 2 }],
      ['one writer, foreign heads', { ...swapOf, others: 1, foreigners: 1 }],
    ),
    full: settings(
      swapWorld,
      ['one writer, long stalls', { ...swapOf, others: 4, longWaits: 2 }],
      ['one writer, foreign heads', { ...swapOf, foreigners: 1 }],
      ['two writers', { ...swapOf, writers: 2, others: 2 }],
      ['one writer, two commits', { ...swapOf, commits: 2, attempts: 2, others: 4 }],
    ),
  },
  compaction: {
    small: settings(compactionWorld, ['an overwrite', { changes: 1, compactions: 2, overwrites: 1, keys: 1 }]),
    full: settings(
      compactionWorld,
      ['two changes each', { changes: 2, compactions: 2, overwrites: 0, keys: 1 }],
      ['two keys', { changes: 2, compactions: 1, overwrites: 1, keys: 2 }],
    ),
  },
  duties: {
    small: settings(dutiesWorld, ['two changes', { changes: 2, compactions: 1, deletes: 1 }]),
    full: settings(dutiesWorld, ['four changes', { changes: 4, compactions: 2, deletes: 2 }]),
  },
  fences: {
    small: settings(fencesWorld, ['two successors', { commits: 1, tables: 2, foreigners: 1 }]),
    full: settings(fencesWorld, ['three successors', { commits: 2, tables: 3, foreigners: 2 }]),
  },
  orphans: {
    small: settings(orphansWorld, ['one upload', { writers: 1, uploads: 1, others: 1, cleanings: 1, waits: 2 }]),
    full: settings(orphansWorld, ['two uploads', { writers: 1, uploads: 2, others: 1, cleanings: 1, waits: 2 }]),
  },
  expiry: {
    small: settings(expiryWorld, ['a consumer', { ...expiryOf, consumers: 1 }]),
    full: settings(
      expiryWorld,
      ['a consumer and a tag', { ...expiryOf, consumers: 1, tags: 1 }],
      ['runs that die', { ...expiryOf, snapshots: 5, runs: 3, deaths: 1, rangeMax: 2, consumers: 1 }],
      ['two consumers', { ...expiryOf, runs: 3, rangeMax: 2, consumers: 2 }],
    ),
  },
  ingest: {
    small: settings(ingestWorld, ['three records', { records: 3, repeats: 1, deaths: 0, holes: 1 }]),
    full: settings(ingestWorld, ['four records', { records: 4, repeats: 1, deaths: 1, holes: 1 }]),
  },
  'group commit': {
    small: settings(groupCommitWorld, ['two records', { records: 2, messages: 1, poisons: allPoisons }]),
    full: settings(groupCommitWorld, ['three records', { records: 3, messages: 2, poisons: allPoisons }]),
  },
};

export const worldNames: readonly WorldName[] = [
  'swap',
  'compaction',
  'duties',
  'fences',
  'orphans',
  'expiry',
  'ingest',
  'group commit',
];
