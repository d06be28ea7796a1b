// A process that appends to a local log until it is told to stop or killed: PATH NAME COUNT CONCURRENCY.
// Each record is `NAME NUMBER`; once it is acknowledged, a line `NUMBER SHARD POSITION` goes to standard output.
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLocalLog } from '../../src/storage/local/local-log-store.ts';

const [path = '', name = '', countText = '', concurrencyText = ''] = process.argv.slice(2);
const count = Number(countText);
const log = await openLocalLog({ path }, { clock: systemClock, random: systemRandom });

/** Each lane has a hash key and numbers of its own: lane L of N appends L, L + N, L + 2N … */
async function appendLane(lane: number, laneCount: number): Promise<void> {
  const hashKey = (BigInt(lane) << 128n) / BigInt(laneCount);
  for (let number = lane; number < count; number += laneCount) {
    const data = new TextEncoder().encode(`${name} ${number} ${'x'.repeat((number * 37) % 5000)}`);
    const [outcome] = await log.append([{ hashKey, data }]);
    if (outcome?.status !== 'appended') throw new Error(`append ${outcome?.status}`, { cause: outcome?.cause });
    writeSync(1, `${number} ${outcome.shardId} ${outcome.position}\n`);
  }
}

const lanes = Number(concurrencyText);
await Promise.all(Array.from({ length: lanes }, (_, lane) => appendLane(lane, lanes)));
await log[Symbol.asyncDispose]();
