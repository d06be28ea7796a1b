import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { bytesThere, heapFlags, markHeapLate } from './heap-marking.ts';

const mib = 1024 * 1024;
const engine = Number.parseInt(process.versions.v8, 10);

/** What a process of its own says that calls `markHeapLate` and, when that has come to be, goes on with the program. */
function saidBy(memoryBytes: number, program: string): { readonly stdout: string; readonly stderr: string } {
  const file = new URL('./heap-marking.ts', import.meta.url).href;
  const begin = `import { ${markHeapLate.name} } from '${file}'; ${markHeapLate.name}({ memoryBytes: ${memoryBytes} });`;
  const flags = ['--no-warnings', '--input-type=module', '--eval', `${begin} setTimeout(() => {${program}}, 1_000);`];
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  expect(status).toBe(0);
  return { stdout, stderr };
}

/** Collections of the whole heap while 2 GB of buffers come and go. */
function collectionsIn(memoryBytes: number): number {
  const program = `
    const { constants, PerformanceObserver } = process.getBuiltinModule('node:perf_hooks');
    let count = 0;
    const isMajor = ({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    new PerformanceObserver(list => { count += list.getEntries().filter(isMajor).length; }).observe({ entryTypes: ['gc'] });
    const kept = [];
    for (let made = 0; made < 1_024; made += 1) kept[made % 8] = new Uint8Array(${2 * mib});
    setTimeout(() => console.log(count), 100);`;
  return Number(saidBy(memoryBytes, program).stdout);
}

test('the engine knows the flags: it says nothing against them', () => {
  expect(saidBy(8192 * mib, `console.log('done')`)).toEqual({ stdout: 'done\n', stderr: '' });
});

test('buffers are counted with the heap where memory is plenty and the engine can', () => {
  const late = '--incremental-marking-soft-trigger=75';
  const counting = ['--external-memory-accounted-in-global-limit', '--heap-growing-percent=100'];
  expect(heapFlags(11, Number.POSITIVE_INFINITY)).toEqual([]);
  expect(heapFlags(12, Number.POSITIVE_INFINITY)).toEqual([late]);
  expect(heapFlags(13, 512 * mib)).toEqual([late]);
  expect(heapFlags(13, 2048 * mib)).toEqual([late, ...counting]);
  expect(heapFlags(14, Number.POSITIVE_INFINITY)).toEqual([]);
});

test('a machine with little memory is one, also where its control groups have no bound', () => {
  expect(bytesThere({ group: 2 ** 64, machine: 1024 * mib })).toBe(1024 * mib);
  expect(bytesThere({ group: 0, machine: 1024 * mib })).toBe(1024 * mib);
  expect(bytesThere({ group: 512 * mib, machine: 1024 * mib })).toBe(512 * mib);
});

test('so buffers that come and go have the heap collected less often', () => {
  const [often, seldom] = [collectionsIn(512 * mib), collectionsIn(8192 * mib)];
  console.log(`collections: ${often}, ${seldom} where buffers are counted with the heap`);
  expect(seldom < often / 2).toBe(engine >= 13);
});
