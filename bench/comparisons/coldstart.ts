/** Cold starts of the bundled functions, of us alone. */
import { fileURLToPath } from 'node:url';
import type { Comparison } from '../run/comparison.ts';

const starts = 7;

export const coldStartComparisons: readonly Comparison[] = [
  {
    name: 'coldstart',
    what:
      'Each bundled function on a MinIO and a Kinesis emulator, from a fresh plain process to its first event handled: medians of ' +
      `${starts} starts on the oldest Node that it must run on and on the newest in turns, with how long loading the bundle took and processor time.`,
    peers: [],
    usualPeers: [],
    // What it took when it was last worked on (277 and 281 ms), and some more for the spread of medians.
    goals: [
      { kind: 'most', figure: 'ingestNode22ColdMs', atMost: 310 },
      { kind: 'most', figure: 'ingestNode24ColdMs', atMost: 310 },
    ],
    roundsMax: 1,
    ownTurn: { program: process.execPath, args: [fileURLToPath(new URL('../turns/coldstart.ts', import.meta.url))] },
    open: async () => ({ job: async () => ({ job: 'coldstart', starts }), check: async () => undefined }),
  },
];
