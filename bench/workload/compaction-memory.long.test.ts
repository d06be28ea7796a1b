/** What a compaction holds does not grow with its bucket. A process of its own is measured by the kernel, whatever else the machine does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runTurn } from '../run/turn.ts';
import { scatteredRange } from './rows.ts';
import { createWorkTable, workBatches, writeBatches } from './table.ts';

const memoryMb = 512;
const runCount = 5;
/** Of the peak of the small bucket, whose runs do not fill all buffers; and what comes and goes between collections differs from run to run. */
const growthMax = 1.35;

const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-compaction-memory-'));

afterAll(() => rmSync(warehouse, { recursive: true }));

/** Runs whose keys lie all over each other. @returns the most that a process held which compacts them */
async function peakMbOf(table: string, runRows: number): Promise<number> {
  {
    await using opened = await createWorkTable({ warehouse, table }, { 'write-only': 'true' });
    for (let run = 0; run < runCount; run += 1) {
      await writeBatches(opened.table, workBatches(scatteredRange(run * runRows, runRows)));
    }
  }
  const program = fileURLToPath(new URL('../turns/main.ts', import.meta.url));
  const job = { job: 'compact', warehouse, table, memoryMb } as const;
  const { figures } = await runTurn({ program: process.execPath, args: [program] }, job);
  return figures['peakRssMb'] ?? Number.NaN;
}

test('a bucket of 4M rows is compacted in little more memory than one of 1M, and below 512 MB', async () => {
  const small = await peakMbOf('small', 200_000);
  const large = await peakMbOf('large', 800_000);
  console.log(`1M rows: ${small.toFixed(0)} MB, 4M rows: ${large.toFixed(0)} MB`);
  expect(large).toBeLessThan(small * growthMax);
  expect(large).toBeLessThan(memoryMb);
});
