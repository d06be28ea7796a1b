import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { openLocalObjectStore } from '../src/storage/local/local-object-store.ts';

const rivalScript = fileURLToPath(new URL('./services/local-store-rival.ts', import.meta.url));
const rivals = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const objectCount = 60;
const incrementCount = 10;

type RivalReport = { rival: string; created: string[]; torn: string[]; increments: number };

test('of eight processes on one folder exactly one creates each object, and no increment is lost', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-race-'));
  try {
    await using store = await openLocalObjectStore({ root }, { clock: systemClock, random: systemRandom });
    await store.put('counter', new TextEncoder().encode('0'));
    const reports = await Promise.all(
      rivals.map(async rival => {
        const parameters = [rivalScript, root, rival, String(objectCount), String(incrementCount)];
        const { stdout } = await promisify(execFile)(process.execPath, parameters);
        return JSON.parse(stdout) as RivalReport;
      }),
    );
    const created = reports.flatMap(report => report.created);
    expect(created.toSorted()).toEqual([...new Set(created)].toSorted());
    expect(created.length).toBe(objectCount);
    expect(reports.flatMap(report => report.torn)).toEqual([]);
    for (const { rival, created } of reports) {
      for (const key of created) expect((await store.get(key))?.bytes[0]).toBe(rival.charCodeAt(0));
    }
    const counter = await store.get('counter');
    expect(Buffer.from(counter?.bytes ?? []).toString()).toBe(String(rivals.length * incrementCount));
    expect((await readdir(join(root, 'contest'))).length).toBe(objectCount);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
