/**
 * From a fresh process to the first event handled: each bundled function on a MinIO and a Kinesis emulator, the oldest Node
 * that it must run on and the newest in turns. Plain processes, as there is nothing of AWS's own runtime in the figure; with
 * that see `npm run bench -- functions`. Processor time is given beside it, since on a busy machine the clock says little. Run: `npm run bench -- coldstart [ROUNDS]`.
 */
import { join } from 'node:path';
import type { FunctionName } from '../infra/definitions/functions.ts';
import { olderNode } from '../scripts/older-node.ts';
import { FunctionWorld, functionNames } from '../test/function-loads/function-world.ts';
import { smallEvents } from '../test/function-loads/small-events.ts';
import { FunctionHost } from '../test/services/function-host.ts';
import { wholeMiddle } from './run/statistics.ts';

const roundsDefault = 15;
const rounds = Number(process.argv[3] ?? roundsDefault);
const nodes: Readonly<Record<string, string>> = { node22: olderNode(), node24: process.execPath };

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

const lake = 'coldstart';
await using world = await FunctionWorld.open();
// One more of each Node, which is not counted: the first reads its files from the disk.
const events = await smallEvents(world, lake, (rounds + 1) * Object.keys(nodes).length);
for (const name of functionNames) {
  const times = Object.fromEntries(Object.keys(nodes).map((label): [string, Times[]] => [label, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [label, node] of Object.entries(nodes)) {
      const measured = await measure(world, name, node, events.next(name));
      if (round > 0) times[label]?.push(measured);
    }
  }
  const figures = Object.entries(times).map(([label, all]) => [
    label,
    {
      medianMs: wholeMiddle(all.map(({ firstEventMs }) => firstEventMs)),
      bestMs: Math.round(Math.min(...all.map(({ firstEventMs }) => firstEventMs))),
      loadedMs: wholeMiddle(all.map(({ loadedMs }) => loadedMs)),
      cpuMs: wholeMiddle(all.map(({ cpuMs }) => cpuMs)),
    },
  ]);
  console.log(JSON.stringify({ function: name, rounds, ...Object.fromEntries(figures) }));
}
