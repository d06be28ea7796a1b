/** What scenarios of rights are made of: tables, rows, events, requests, and what functions say to them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { decodeRecord, encodeRecord, type LogRecordHeader } from '../../src/flow/log-record.ts';
import { t } from '../../src/index.ts';
import { objectCreatedEvent, type UrlRequest, urlEvent } from '../services/function-events.ts';
import type { FunctionHost } from '../services/function-host.ts';
import { kinesisEvent, readStream, shardIds } from '../services/stream-events.ts';
import type { AccessWorld } from './access-world.ts';

export type Scenario = { readonly name: string; run(world: AccessWorld): Promise<void> };

/** Of an invocation; ingest waits for the commit function almost as long. */
const remainingMs = 60_000;

/** What ingest says when everything is committed. */
const nothingFails = { batchItemFailures: [] };

export async function makeTable(
  world: AccessWorld,
  name: string,
  options: Record<string, string | number> = {},
): Promise<void> {
  await world.lake.createTable(name, {
    columns: { id: t.bigint(), origin: t.string(), delay: t.int().nullable() },
    primaryKey: ['id'],
    options: { bucket: 2, ...options },
  });
}

export async function produce(world: AccessWorld, name: string, from: number, to: number): Promise<void> {
  await using writer = (await world.lake.table(name)).writer();
  const ids = Array.from({ length: to - from }, (_, index) => from + index);
  await Promise.all(ids.map(id => writer.upsert({ id, origin: `O${id % 7}`, delay: id % 60 })));
}

/** Hands a function what its stream has and it has not had. */
export class Delivery {
  readonly #world: AccessWorld;
  readonly #stream: string;
  readonly #seen = new Map<string, string>();

  constructor(world: AccessWorld, stream: string) {
    this.#world = world;
    this.#stream = stream;
  }

  /** @param only this shard; all when not given */
  async to(host: FunctionHost, only?: string): Promise<number> {
    const { kinesis } = this.#world.services;
    let count = 0;
    for (const shardId of only === undefined ? await shardIds(kinesis, this.#stream) : [only]) {
      const records = await readStream(kinesis, this.#stream, shardId, this.#seen.get(shardId));
      const last = records.at(-1)?.sequenceNumber;
      if (last === undefined) continue;
      assert.deepEqual(await host.invoke(kinesisEvent(this.#stream, shardId, records), remainingMs), nothingFails);
      this.#seen.set(shardId, last);
      count += records.length;
    }
    return count;
  }
}

export async function rowsOf(world: AccessWorld, name: string): Promise<number> {
  const result = await world.lake.sql<{ n: bigint }>(
    `SELECT count(*) AS n FROM ${name} /*+ OPTIONS('scan.mode'='latest') */`,
  );
  return Number((await result.rows())[0]?.n);
}

/** Producers are part of a table's state, which beyond 8 KB is an object of its own. */
export const producersOfLargeState = 120;

export function longProducer(index: number): string {
  return `producer-${'x'.repeat(60)}-${index}`;
}

/** A record of the log with another header, put behind what is there. */
export async function appendChanged(
  world: AccessWorld,
  changes: (index: number) => Partial<LogRecordHeader>,
  count: number,
): Promise<void> {
  const { kinesis } = world.services;
  const [shardId = ''] = await shardIds(kinesis, world.logStream);
  const [first] = await readStream(kinesis, world.logStream, shardId);
  const record = decodeRecord(Buffer.from(first?.data ?? '', 'base64'), 'the first record');
  for (let index = 0; index < count; index += 1) {
    const header = { ...record.header, ...changes(index) };
    await append(world, encodeRecord({ ...record, header }));
  }
}

export async function append({ services, logStream }: AccessWorld, data: Uint8Array): Promise<void> {
  await services.kinesis.client.send(new PutRecordCommand({ StreamName: logStream, PartitionKey: 'p', Data: data }));
}

export async function ask(query: FunctionHost, sql: string): Promise<string> {
  return await textOf(query, { method: 'POST', path: '/', body: { sql } });
}

/** What a function answers to a request to its URL. */
export async function textOf(
  host: FunctionHost,
  { body, ...request }: Omit<UrlRequest, 'body'> & { readonly body?: unknown },
): Promise<string> {
  const { pieces } = await host.request(
    urlEvent(body === undefined ? request : { ...request, body: JSON.stringify(body) }),
  );
  return Buffer.concat(await Array.fromAsync(pieces)).toString();
}

export function snapshotEvent({ bucket, folder }: AccessWorld, key: string): unknown {
  return objectCreatedEvent(bucket, `${folder}${key}`);
}

export function figures(value: unknown, names: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = Object(value);
  return Object.fromEntries(names.map(name => [name, all[name]]));
}

/** Text that cannot be compressed and is too large for a record, which holds 1 MiB. */
export function largeText(): string {
  return randomBytes(1_200_000).toString('base64');
}
