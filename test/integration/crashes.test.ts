/** Twenty rounds of kills on MinIO and a Kinesis emulator, with a seed of its own each time. */
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runCrashRounds } from '../crashes/crash-rounds.ts';
import { victims } from '../crashes/kill-plan.ts';

const rounds = 20;
const seed = Number(process.env['TIDELAKE_CRASH_SEED'] ?? randomInt(2 ** 31));

test('in 20 rounds of kills of producers, ingest, the compactor and MinIO nothing acknowledged is lost or doubled', async () => {
  console.log(`crash test: TIDELAKE_CRASH_SEED=${seed}`);
  const summary = await runCrashRounds({ rounds, seed, say: line => console.log(line) });
  console.log(JSON.stringify(summary));
  expect(summary.faults).toEqual([]);
  expect(summary.verdict).toBe('holds');
  // A run in which nothing happened would prove nothing.
  for (const victim of victims) expect(summary.kills[victim], victim).toBeGreaterThan(0);
  for (const figure of ['changesAcknowledged', 'commits', 'compactions', 'snapshots', 'readsChecked'] as const) {
    expect(summary[figure], figure).toBeGreaterThan(0);
  }
}, 1_200_000);
