/**
 * A producer that comes back under its name (RFC 0018), at times two of them at once. Its source gives the same rows under the
 * same number whenever it is read; so each row has to be in the log's truth once, whoever was killed, followed or late.
 */
import { isLakeError } from '../../../../src/base/errors.ts';
import { type NamedProducer, openNamedProducer } from '../../../../src/flow/named-producer.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import type { Scalar } from '../../../../src/types/scalar.ts';
import type { SimProcess } from '../../process.ts';
import { keptName, type LakeBench } from './bench.ts';

/** Keys of nobody else. */
const namedKeys = 700_000_000;
const requestCount = 12;
const rowsOfRequest = 4;
/** Requests of one life, at most; then it ends without a word and another takes its place. */
const requestsOfLife = 5;

export function named(bench: LakeBench, index: number): Promise<void> {
  return bench.world.supervise(`named-${index}`, async process => {
    while (!bench.isOver) {
      await bench.pause(process);
      try {
        await live(bench, process);
      } catch (error) {
        if (!isLakeError(error, 'LAKE_PRODUCER_FENCED')) throw error;
        bench.count('named producers followed');
      }
    }
  });
}

async function live(bench: LakeBench, process: SimProcess): Promise<void> {
  const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
  const table = await bench.open(process, keptName);
  const { id: tableId = '', label: tableName, schema } = table;
  const target = await openNamedProducer(parts, { tableId, tableName, schema, table }, 'named');
  const first = target.resumedNumber ?? 1;
  if (first > 1) bench.count('named producers resumed');
  for (let number = first; number < first + requestsOfLife && number <= requestCount; number += 1) {
    await bench.pause(process);
    if (bench.isOver) return;
    await send(bench, target, { number, fields: schema.fields });
  }
}

async function send(
  bench: LakeBench,
  target: NamedProducer,
  { number, fields }: { readonly number: number; readonly fields: Parameters<typeof buildBatch>[0]['fields'] },
): Promise<void> {
  const keys = Array.from({ length: rowsOfRequest }, (_, row) => namedKeys + number * rowsOfRequest + row);
  const scalars = keys.map(key => fields.map(({ name }) => scalarOf(key, name)));
  await target.send({ rows: buildBatch({ fields }, scalars), kinds: new Int8Array(keys.length) }, number);
  bench.count('named requests acknowledged');
  for (const key of keys) bench.model.acknowledged(keptName, key, key);
  checkOnce(bench);
}

function scalarOf(key: number, column: string): Scalar {
  if (column === 'k') return BigInt(key);
  if (column === 'n') return key;
  return column === 'v' ? `named ${key}` : null;
}

/** What counts of the log has no row of a named producer twice. */
export function checkOnce(bench: LakeBench): void {
  bench.model.catchUp();
  for (const [key, history] of bench.model.table(keptName).histories) {
    const isNamed = key >= namedKeys && key < namedKeys + (requestCount + 1) * rowsOfRequest;
    bench.world.check(
      !isNamed || history.length === 1,
      () => `row ${key} of a named producer is there ${history.length} times`,
    );
  }
}
