/**
 * Writers at scale: each commits one new file of its own bucket at a time, by a swap of its own or by a message. The second
 * kind does what `commitByMessage` does, without rows: its file is in the manifest only.
 */
import { backoffMs } from '../../../src/base/retry.ts';
import { encodeCommitMessage } from '../../../src/flow/group-commit/commit-message.ts';
import { bucketHashKey } from '../../../src/flow/hash-key.ts';
import { loadState } from '../../../src/flow/ingest/load-state.ts';
import type { LogStore } from '../../../src/storage/log-store.ts';
import { Committer } from '../../../src/table/commit/commit.ts';
import { type CommitBase, commitPlan, type PlannedFile } from '../../../src/table/commit/request.ts';
import type { Table } from '../../../src/table/table.ts';
import { messageOf } from '../../record-fixture.ts';
import { plannedFile } from '../../table-fixture.ts';
import type { SimProcess } from '../process.ts';
import type { ScaleBench } from './bench.ts';

/** As in send-message.ts. */
const pollBackoff = { delayMsMin: 40, delayMsMax: 1_000 };
const pollMsMin = 10;
const resendMs = 5_000;
const rowsPerFile = 10;

type Writer = {
  readonly bench: ScaleBench;
  readonly index: number;
  readonly process: SimProcess;
  readonly table: Table;
};

/** Commits at its pace, and does not count what it waits for its turn. */
async function atItsPace({ bench, process }: Writer, commitOne: (n: number) => Promise<void>): Promise<void> {
  const { everyMs, commitsPerWriter } = bench.settings;
  const { clock, random } = process;
  await clock.sleep(random.next() * everyMs);
  for (let n = 0; n < commitsPerWriter; n += 1) {
    const beganMs = clock.monotonicMs();
    await commitOne(n);
    const tookMs = clock.monotonicMs() - beganMs;
    bench.committed(tookMs);
    if (n + 1 < commitsPerWriter) await clock.sleep(Math.max(0, everyMs - tookMs));
  }
}

async function newWriter(bench: ScaleBench, index: number): Promise<Writer> {
  const process = bench.world.process(`writer-${index}`);
  return { bench, index, process, table: await bench.open(process) };
}

/** The next file of the writer's bucket, numbered for the base; the same object while its numbers stand. */
async function nextFile(
  { bench, index, table }: Writer,
  n: number,
  base: CommitBase,
  before?: PlannedFile,
): Promise<PlannedFile> {
  const file = before ?? plannedFile(table, { name: `new-${index}-${n}`, bucket: index % bench.settings.buckets });
  const first = (await base.sequenceFloor(file)) + 1n;
  if (file.file.minSequenceNumber === first) return file;
  const range = { minSequenceNumber: first, maxSequenceNumber: first + BigInt(rowsPerFile - 1) };
  return { ...file, file: { ...file.file, ...range } };
}

export async function swappingWriter(bench: ScaleBench, index: number): Promise<void> {
  const writer = await newWriter(bench, index);
  const { table } = writer;
  await using committer = new Committer(table);
  await atItsPace(writer, async n => {
    let file: PlannedFile | undefined;
    const outcome = await committer.commit({
      commitUser: writer.process.name,
      commitIdentifier: BigInt(n),
      plan: async base => {
        file = await nextFile(writer, n, base, file);
        return commitPlan({ kind: 'APPEND', schemaId: table.schema.id, adds: [file] });
      },
    });
    bench.world.check(outcome.status === 'committed', () => `${writer.process.name}: ${outcome.status}`);
  });
  bench.lost(committer.lostSwaps);
}

export async function messagingWriter(bench: ScaleBench, index: number, commitLog: LogStore): Promise<void> {
  const writer = await newWriter(bench, index);
  const { process, table } = writer;
  const { clock, random } = process;
  const { incarnation } = await commitLog.describe();
  const shardId = `shard-${index}`;
  await using committer = new Committer(table);
  const headOf = async (): Promise<CommitBase> => {
    const found = await committer.base({ isFresh: true });
    bench.world.check(found.kind === 'base', 'the table stays');
    if (found.kind !== 'base') throw new Error('the table stays');
    return found.base;
  };
  const positionAt = async (base: CommitBase): Promise<bigint | undefined> =>
    (await loadState(table, base.properties))?.shards.get(shardId)?.position;
  await atItsPace(writer, async n => {
    const to = { position: BigInt(n + 1), arrivalMs: 0 };
    for (;;) {
      const base = await headOf();
      const file = await nextFile(writer, n, base);
      const from = n === 0 ? undefined : BigInt(n);
      const drafted = {
        tableName: table.label,
        tableId: table.id ?? '',
        incarnation,
        shardId,
        from,
        to,
        files: [file],
      };
      const message = messageOf({ ...drafted, uploadBeganMs: table.storeTimeMs() });
      const hashKey = bucketHashKey(message.tableId, 0);
      await commitLog.append([{ hashKey, data: encodeCommitMessage(message) }]);
      const resendAtMs = clock.monotonicMs() + resendMs;
      for (let attempt = 0; clock.monotonicMs() < resendAtMs; attempt += 1) {
        await clock.sleep(pollMsMin + backoffMs(attempt, random, pollBackoff));
        if ((await committer.hasNewer()) && (await positionAt(await headOf())) === to.position) return;
      }
      if ((await positionAt(await headOf())) === to.position) return;
    }
  });
}
