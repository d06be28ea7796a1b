/**
 * What a lake under a steady load asks for: requests by batch, CPU and bytes by megabyte of rows. The figures go into
 * src/service/cost/measured.ts, from which `tidelake estimate` and docs/COST.md reckon. Run: `npm run bench -- cost` (about
 * ten minutes; with `--dry-run` the file stays as it is, with `--requests` only requests are counted, which no load of the machine
 * changes, and CPU and bytes stay).
 */
import { writeFileSync } from 'node:fs';
import { measured as measuredBefore } from '../src/service/cost/measured.ts';
import { type Load, type Simulated, simulate } from './cost/simulate.ts';

/** Requests: long enough that snapshots expire, few rows, since requests hardly depend on how many they are. */
const requestLoads: readonly (Load & { readonly name: 'oneShard' | 'fourShards' })[] = [
  {
    name: 'oneShard',
    minutes: 130,
    warmMinutes: 70,
    shards: 1,
    rowsPerSecond: 20,
    rowsPerRecord: 20,
    windowSeconds: 10,
  },
  {
    name: 'fourShards',
    minutes: 90,
    warmMinutes: 70,
    shards: 4,
    rowsPerSecond: 40,
    rowsPerRecord: 40,
    windowSeconds: 6,
  },
];
/** CPU and bytes: a megabyte a second, in records of what gathers in 200 ms. */
const dataLoad: Load = {
  minutes: 12,
  warmMinutes: 2,
  shards: 1,
  rowsPerSecond: 5_400,
  rowsPerRecord: 1_080,
  windowSeconds: 10,
};

const rounded = (value: number): number => Number(value.toPrecision(4));

function perBatch({ byPurpose, commits }: Simulated): object {
  const figures = (['ingest', 'compaction', 'maintenance'] as const).map(purpose => {
    const { usage, invocations } = byPurpose[purpose];
    const each = (value: number): number => rounded(value / commits);
    const counts = { put: usage.put, list: usage.list, get: usage.get, delete: usage.delete, invocation: invocations };
    return [purpose, Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, each(value)]))];
  });
  return Object.fromEntries(figures);
}

function perMegabyte({ byPurpose, jsonBytes, rows }: Simulated): object {
  const mb = jsonBytes / 1e6;
  const { produce, ingest, compaction } = byPurpose;
  return {
    jsonBytesPerRow: rounded(jsonBytes / rows),
    logBytesPerJsonByte: rounded(produce.usage.logBytesWritten / jsonBytes),
    logUnits: rounded(produce.usage.logUnit / mb),
    ingestCpuMs: rounded(ingest.cpuMs / mb),
    compactionCpuMs: rounded(compaction.cpuMs / mb),
    ingestBytesWritten: Math.round(ingest.usage.bytesWritten / mb),
    compactionBytesWritten: Math.round(compaction.usage.bytesWritten / mb),
    compactionBytesRead: Math.round(compaction.usage.bytesRead / mb),
  };
}

const requests: [string, object][] = [];
for (const { name, ...load } of requestLoads) {
  const simulated = await simulate(load);
  requests.push([name, perBatch(simulated)]);
  console.log(JSON.stringify({ bench: 'cost', what: `requests per batch, ${name}`, ...perBatch(simulated) }));
}
const data = process.argv.includes('--requests') ? measuredBefore.perMegabyte : perMegabyte(await simulate(dataLoad));
console.log(JSON.stringify({ bench: 'cost', what: 'per MB of rows as JSON', ...data }));

if (!process.argv.includes('--dry-run')) {
  const measured = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    perBatch: Object.fromEntries(requests),
    perMegabyte: data,
  };
  const text = `/** What \`npm run bench -- cost\` measured; written by it, see there for what the figures are of. */
import type { Measured } from './estimate.ts';

export const measured: Measured = ${JSON.stringify(measured, undefined, 2)};
`;
  writeFileSync(new URL('../src/service/cost/measured.ts', import.meta.url), text);
}
