/**
 * The table of functions: memory, cold start, warm time, requests an invocation. Each runs bundled, with 512 MB, under AWS's
 * own runtime client. Memory is the most that its hardest work took (test/function-loads/loads.ts); times and requests are of a
 * small event with real work in it (small-events.ts). Run: `npm run bench -- functions [FUNCTION]`.
 */
import type { FunctionName } from '../infra/definitions/functions.ts';
import { CountingProxy } from '../test/function-loads/counting-proxy.ts';
import { type FunctionOptions, FunctionWorld, functionNames } from '../test/function-loads/function-world.ts';
import { loads } from '../test/function-loads/loads.ts';
import { smallEvents } from '../test/function-loads/small-events.ts';
import { wholeMiddle } from './run/statistics.ts';

const coldStarts = 7;
const warmInvocations = 15;

async function peakMb(world: FunctionWorld, name: FunctionName): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (const [index, load] of loads.entries()) {
    if (load.name !== name) continue;
    const lake = `load-${index}`;
    const events = await load.prepare(world, lake, 1);
    await using deployed = world.function(name, { lake });
    for (const event of events) {
      const { answer, report } = await deployed.invoke(event);
      if (!load.isDone(answer)) throw new Error(`${load.what}: ${answer}`);
      peaks[load.what] = report.memoryMbMax;
    }
  }
  return peaks;
}

const lake = 'small';
const [, , , only] = process.argv;
const wanted = functionNames.filter(name => only === undefined || name === only);
await using world = await FunctionWorld.open();
await using s3 = await CountingProxy.start(world.minio.endpoint);
await using kinesis = await CountingProxy.start(world.kinesis.endpoint);
const events = await smallEvents(world, lake, coldStarts + warmInvocations + 2);
for (const name of wanted) {
  const cold: number[] = [];
  const init: number[] = [];
  for (let start = 0; start < coldStarts; start += 1) {
    await using deployed = world.function(name, { lake });
    const { report } = await deployed.invoke(events.next(name));
    init.push(report.initMs ?? Number.NaN);
    cold.push((report.initMs ?? Number.NaN) + report.durationMs);
  }
  const options: FunctionOptions = {
    lake,
    env: { AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint },
  };
  await using warmed = world.function(name, options);
  await warmed.invoke(events.next(name));
  const first = { s3: s3.take(), kinesis: kinesis.take() };
  const warm: number[] = [];
  const requests = { s3: [] as number[], kinesis: [] as number[] };
  let smallMb = 0;
  for (let turn = 0; turn < warmInvocations; turn += 1) {
    const { report } = await warmed.invoke(events.next(name));
    warm.push(report.durationMs);
    requests.s3.push(s3.take());
    requests.kinesis.push(kinesis.take());
    smallMb = report.memoryMbMax;
  }
  console.log(
    JSON.stringify({
      function: name,
      initMs: wholeMiddle(init),
      coldMs: wholeMiddle(cold),
      warmMs: wholeMiddle(warm),
      firstRequests: first,
      warmRequests: { s3: wholeMiddle(requests.s3), kinesis: wholeMiddle(requests.kinesis) },
      smallMb,
      peakMb: await peakMb(world, name),
    }),
  );
}
