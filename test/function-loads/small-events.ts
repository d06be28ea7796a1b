/**
 * A lake with a little in it and, for each function, a small event with real work in it: what a cold start ends with, and
 * what a warm function does all day. A stream's event is another each time, since what was taken is passed over.
 */
import type { FunctionName } from '../../infra/definitions/functions.ts';
import { sqlEvent, urlEvent } from '../services/function-events.ts';
import { kinesisEvent, readStream, shardIds } from '../services/stream-events.ts';
import type { FunctionWorld } from './function-world.ts';
import { makeTable, messageEvents, produce, snapshotEvent, tableName, write } from './loads.ts';
import { wideBatches } from './wide-rows.ts';

export const rowsOfSmallEvent = 100;

export type SmallEvents = {
  /** @throws Error when there are no more */
  next(name: FunctionName): unknown;
};

/** @param count events of the streams that there shall be */
export async function smallEvents(world: FunctionWorld, lake: string, count: number): Promise<SmallEvents> {
  await using parts = await world.parts(lake);
  const table = await makeTable(parts, { bucket: '1' });
  await write(table, wideBatches(table, { count: 10_000, turn: 0, idOf: index => index }));
  const few = { count: rowsOfSmallEvent, idOf: (index: number): number => index };
  const batches = [1, 2].flatMap(turn => [...wideBatches(table, { ...few, turn })]);
  const messages = await messageEvents(world, lake, { parts, table, batches });
  for (let turn = 1; turn <= count; turn += 1) {
    await produce(parts, table, wideBatches(table, { count: rowsOfSmallEvent, turn, idOf: index => index }), {});
  }
  const [shardId = ''] = await shardIds(world.kinesis, lake);
  const records = (await readStream(world.kinesis, lake, shardId)).slice(-count);
  let taken = 0;
  const events: Readonly<Record<FunctionName, () => unknown>> = {
    ingest() {
      const record = records[taken];
      if (record === undefined) throw new Error('there are no more records');
      taken += 1;
      return kinesisEvent(lake, shardId, [record]);
    },
    commit: () => messages[0],
    compact: () => snapshotEvent(world, lake, 1),
    maintain: () => ({ orphans: 'skip' }),
    query: () => sqlEvent(`SELECT count(*) AS c FROM ${tableName} WHERE id < 50`),
    catalog: () => urlEvent({ method: 'GET', path: `/v1/tables/${tableName}` }),
  };
  return { next: name => events[name]() };
}
