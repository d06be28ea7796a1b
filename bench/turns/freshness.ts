/**
 * How soon a row is seen: it is written through the log by the SDK, and when that is acknowledged a union read looks it up. A round
 * trip of the log is an append of one small record and the read that gives it back, without us, to a log beside it of the
 * same kind; the two are done in turns.
 */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import { openLog } from '../../src/service/open-stores.ts';
import type { LogStart, LogStore } from '../../src/storage/log-store.ts';
import { quantile } from '../run/statistics.ts';
import { database } from '../workload/table.ts';
import type { FreshnessJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

const warmUps = 20;
/** As an ingest beside it would, but outside the clocks. */
const ingestEveryRows = 20;
const recordBytes = 200;

export async function freshness(job: FreshnessJob): Promise<TurnReport> {
  const { warehouse, log, bareLog, services, table: name, count } = job;
  const settings = { warehouse, log, ...services };
  await using lake = await openLake(settings);
  await using bare = await openLog(bareLog, settings, { clock: systemClock, random: systemRandom });
  const table = await lake.table(`${database}.${name}`);
  await using writer = table.writer({ lingerMs: 0 });
  const roundTrip = roundTripsOf(bare);
  const times = { acknowledged: [] as number[], seen: [] as number[], roundTrip: [] as number[] };
  const pass = await timed(async () => {
    for (let id = 0; id < count; id += 1) {
      if (id % ingestEveryRows === 0) await lake.ingest();
      times.roundTrip.push((await timed(roundTrip)).wallMs);
      const startMs = performance.now();
      await writer.upsert({ id: BigInt(id), b1: BigInt(id) });
      times.acknowledged.push(performance.now() - startMs);
      const row = await table.lookup({ id: BigInt(id) }, { union: true });
      times.seen.push(performance.now() - startMs);
      if (row?.['b1'] !== BigInt(id)) throw new Error(`row ${id} was acknowledged and is not seen`);
    }
    return { rowCount: count };
  });
  const p50 = (values: readonly number[]): number => quantile(values.slice(warmUps), 0.5);
  const figures = {
    freshnessP50Ms: p50(times.seen),
    acknowledgedP50Ms: p50(times.acknowledged),
    logRoundTripP50Ms: p50(times.roundTrip),
    freshnessRoundTrips: p50(times.seen) / p50(times.roundTrip),
  };
  return { passes: [pass], figures };
}

function roundTripsOf(log: LogStore): () => Promise<undefined> {
  let from: LogStart = { kind: 'earliest' };
  return async () => {
    const [outcome] = await log.append([{ hashKey: 0n, data: new Uint8Array(recordBytes) }]);
    if (outcome?.status !== 'appended') throw new Error(`an append to the bare log: ${outcome?.status}`);
    const { records, next } = await log.read(outcome.shardId, from);
    if (records.at(-1)?.position !== outcome.position) throw new Error('the bare log does not give what it has taken');
    from = next;
    return undefined;
  };
}
