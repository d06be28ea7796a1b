/**
 * From a fresh process to the first event handled: each bundled function on a MinIO and a Kinesis emulator, the oldest Node
 * that it must run on and the newest in turns. Plain processes, as there is nothing of AWS's own runtime in the figures; with
 * that see `npm run bench -- functions`. Processor time is given beside it, since on a busy machine the clock says little.
 * Run from the sources, as the bundler is (`node turns/coldstart.ts '{"job":"coldstart",…}'`); a line on stderr for each function.
 */
import { join } from 'node:path';
import type { FunctionName } from '../../infra/definitions/functions.ts';
import { olderNode } from '../../scripts/older-node.ts';
import { FunctionWorld, functionNames } from '../../test/function-loads/function-world.ts';
import { smallEvents } from '../../test/function-loads/small-events.ts';
import { FunctionHost } from '../../test/services/function-host.ts';
import { wholeMiddle } from '../run/statistics.ts';
import type { Job } from './job.ts';
import { type TurnReport, tell } from './passes.ts';

const nodes: Readonly<Record<string, string>> = { Node22: olderNode(), Node24: process.execPath };
const lake = 'coldstart';

type Times = { readonly firstEventMs: number; readonly loadedMs: number; readonly cpuMs: number };

async function measure(world: FunctionWorld, name: FunctionName, node: string, event: unknown): Promise<Times> {
  const begunMs = performance.now();
  await using host = await FunctionHost.start({
    node,
    bundle: join(world.bundles, name, 'index.mjs'),
    // As on AWS, whose own S3 is not tried at the start.
    env: { ...world.environment(lake), TIDELAKE_CONDITIONAL_PUT_PROBE: 'never' },
  });
  if (name === 'query' || name === 'catalog') {
    for await (const _ of (await host.request(event)).pieces);
  } else await host.invoke(event);
  return { firstEventMs: performance.now() - begunMs, loadedMs: host.loadedMs, cpuMs: host.cpuMs() };
}

/** Medians by function and Node: the clock, how long the bundle took to load, and processor time. */
async function coldStarts(starts: number): Promise<TurnReport> {
  await using world = await FunctionWorld.open();
  // One more of each Node, which is not counted: the first reads its files from the disk.
  const events = await smallEvents(world, lake, (starts + 1) * Object.keys(nodes).length);
  const figures: Record<string, number> = {};
  for (const name of functionNames) {
    const times = Object.fromEntries(Object.keys(nodes).map((label): [string, Times[]] => [label, []]));
    for (let start = 0; start <= starts; start += 1) {
      for (const [label, node] of Object.entries(nodes)) {
        const measured = await measure(world, name, node, events.next(name));
        if (start > 0) times[label]?.push(measured);
      }
    }
    const own = Object.entries(times).flatMap(([label, all]) => [
      [`${name}${label}ColdMs`, wholeMiddle(all.map(({ firstEventMs }) => firstEventMs))] as const,
      [`${name}${label}LoadedMs`, wholeMiddle(all.map(({ loadedMs }) => loadedMs))] as const,
      [`${name}${label}CpuMs`, wholeMiddle(all.map(({ cpuMs }) => cpuMs))] as const,
    ]);
    console.error(own.map(([figure, value]) => `${figure} ${value}`).join(', '));
    Object.assign(figures, Object.fromEntries(own));
  }
  return { passes: [], figures };
}

const job: Job = JSON.parse(process.argv[2] ?? '');
if (job.job !== 'coldstart') throw new Error(`this is no turn for ${job.job}`);
await tell(await coldStarts(job.starts));
