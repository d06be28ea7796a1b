/**
 * Writes the tables of a golden root anew, through our own writer and compaction, into another warehouse: real Paimon
 * can then be asked what it reads there. Snapshots get the numbers they had: a commit of which Paimon made an APPEND and
 * a COMPACT is an append here and a compaction.
 */
import { AssertionError } from '../base/assert.ts';
import { invalid, LakeError, unsupported } from '../base/errors.ts';
import { createBranch } from '../catalog/branches.ts';
import { createDatabase } from '../catalog/catalog.ts';
import { databasePath, tablePath } from '../catalog/identifier.ts';
import { publishSchema } from '../catalog/publish-schema.ts';
import { branchPath, schemaFolder, schemaPath } from '../format/paths.ts';
import type { CommitKind } from '../format/snapshot.ts';
import { refusedFeatures } from '../format/table-options.ts';
import { decodeSchema, type TableSchema } from '../format/table-schema.ts';
import { expireSnapshots } from '../maintenance/expire-snapshots.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openObjectStore } from '../storage/open-object-store.ts';
import { Committer, commit } from '../table/commit/commit.ts';
import { commitPlan } from '../table/commit/request.ts';
import { compactTable } from '../table/compact/compact-table.ts';
import { overwriteTarget } from '../table/overwrite/overwrite-plan.ts';
import { OverwriteWriter } from '../table/overwrite/overwrite-writer.ts';
import { readPlan } from '../table/read/read-split.ts';
import { planScan } from '../table/scan/plan-scan.ts';
import { tableIdKey } from '../table/schemas.ts';
import { snapshotById, snapshotOfTag } from '../table/snapshots.ts';
import { openTable, type Table, type TableIdentifier } from '../table/table.ts';
import { commitStatistics, mergedSize } from '../table/table-statistics.ts';
import { createTag } from '../table/tags/manage-tags.ts';
import { batchCommitIdentifier, committedId, TableWriter } from '../table/write/table-writer.ts';
import { canonicalParser } from '../types/canonical-json.ts';
import { buildBatch } from '../types/column-builder.ts';
import { differenceOf, linesOfCase } from './golden-compare.ts';
import { type GoldenChange, type GoldenStep, goldenSteps, withoutPath } from './golden-ops.ts';
import type { GoldenComponents } from './golden-read.ts';
import { databaseOf, type GoldenCase, goldenCases, goldenKinds, goldenLines, goldenReplays } from './golden-root.ts';
import { type GoldenVerdict, verdictOfError } from './golden-verdict.ts';

export type GoldenReplayRequest = {
  /** Address of the root. */
  readonly root: string;
  /** Address of the warehouse to write; it must not have the tables yet. */
  readonly out: string;
  readonly tables?: readonly string[] | undefined;
};

/** Rows that go to the writer together. */
const batchRowsMax = 8_192;

/** A table passes when it was written and each state of it reads as expected. */
export async function* replayGolden(
  request: GoldenReplayRequest,
  components: GoldenComponents,
): AsyncGenerator<GoldenVerdict, void, undefined> {
  await using root = await openObjectStore(request.root, { local: { access: 'read' } }, components);
  await using out = await openObjectStore(request.out, {}, components);
  for (const name of await goldenReplays(root, request.tables)) {
    yield await replayTable({ root, out, name, components });
  }
}

type ReplayParts = {
  readonly root: ObjectStore;
  readonly out: ObjectStore;
  readonly name: string;
  readonly components: GoldenComponents;
};

/** One table in the making. */
class TableReplay {
  /** What stood in for what Paimon did. */
  readonly notes: string[] = [];
  readonly #parts: ReplayParts;
  #identifier: TableIdentifier;
  /** Of the snapshots to come, as far as they are known. */
  readonly #kinds: ReadonlyMap<number, string>;
  /** Of the branches that are not replayed at the moment; undefined: of the table itself. */
  readonly #heads = new Map<string | undefined, number>();
  #headId = 0;

  constructor(parts: ReplayParts, database: string, kinds: ReadonlyMap<number, string>) {
    this.#parts = parts;
    this.#identifier = { database, name: parts.name };
    this.#kinds = kinds;
  }

  table(): Promise<Table> {
    return openTable(this.#parts.out, this.#identifier, this.#parts.components);
  }

  async create(schema: TableSchema): Promise<void> {
    const { out, components } = this.#parts;
    await createDatabase({ store: out, ...components }, this.#identifier.database, { ifNotExists: true });
    await this.#publish({ ...schema, extra: { ...schema.extra, [tableIdKey]: components.random.uuid() } });
  }

  async take(step: GoldenStep): Promise<void> {
    switch (step.kind) {
      case 'alter':
        return this.#publish(step.schema);
      case 'commit':
        while (this.#headId + 1 < step.snapshotId && this.#kinds.get(this.#headId + 1) === 'ANALYZE') {
          await this.#analyze();
        }
        await this.#append(step.changes);
        return this.#compactUpTo(step.snapshotId, { isFull: false });
      case 'overwrite':
        return this.#overwrite(step);
      case 'compact':
        // Paimon's writer commits an APPEND of no rows before what it compacted.
        while (this.#headId < step.snapshotId - 1) await this.#commitEmpty('APPEND');
        return this.#compactUpTo(step.snapshotId, { isFull: true });
      case 'tag':
        await createTag(await this.table(), step.name, { snapshotId: step.snapshotId });
        return;
      case 'branch':
        return this.#branch(step.name, step.tag);
      case 'use-branch':
        return this.useBranch(step.name);
      case 'expire':
        return this.#expire(step.keptCount);
    }
  }

  useBranch(name: string | undefined): void {
    this.#heads.set(this.#identifier.branch, this.#headId);
    this.#identifier = { ...this.#identifier, branch: name };
    this.#headId = this.#heads.get(name) ?? 0;
  }

  async #branch(name: string, tag: string | undefined): Promise<void> {
    const table = await this.table();
    await createBranch(table, name, { tag });
    this.#heads.set(name, tag === undefined ? 0 : (await snapshotOfTag(table, tag)).id);
  }

  /** A snapshot that was the newest within the hour stays, whatever is asked (R1), so that what a replay wrote all stays. */
  async #expire(keptCount: number): Promise<void> {
    const retention = { retainedCountMin: keptCount, retainedCountMax: keptCount, retainedMs: 0 };
    const receipt = await expireSnapshots(await this.table(), { retention });
    if (receipt.status === 'given-up') throw new LakeError('unavailable', receipt.code, receipt.cause);
    this.notes.push(`${receipt.expiredCount} snapshots expired where Paimon kept ${keptCount}`);
  }

  async #publish(schema: TableSchema): Promise<void> {
    const { out, components } = this.#parts;
    const { database, name, branch } = this.#identifier;
    const path = tablePath({ database, table: name, branch, systemTable: undefined });
    const folder = `${branch === undefined ? path : `${path}/${branchPath(branch)}`}/${schemaFolder}`;
    const { status } = await publishSchema({ store: out, ...components }, folder, schema);
    if (status === 'lost')
      throw invalid('LAKE_TABLE_EXISTS', `${out.uri} has the table already: replay into a new folder`);
  }

  async #analyze(): Promise<void> {
    const table = await this.table();
    const snapshot = await snapshotById(table, this.#headId);
    let rowCount = 0n;
    const plan = await planScan(table, snapshot, { schema: table.schema });
    for await (const batch of readPlan(table, plan, {})) rowCount += BigInt(batch.rowCount);
    const outcome = await commitStatistics(table, {
      snapshotId: snapshot.id,
      schemaId: table.schema.id,
      mergedRecordCount: rowCount,
      mergedRecordSize: await mergedSize(table, snapshot, rowCount),
      columns: new Map(),
    });
    this.#headId = committedId(table, outcome);
  }

  async #append(changes: readonly GoldenChange[]): Promise<void> {
    const table = await this.table();
    await using committer = new Committer(table);
    const writer = new TableWriter(table, committer);
    await addChanges(writer, table, changes);
    const { snapshotId } = await writer.commit();
    this.#headId = snapshotId ?? this.#headId;
  }

  async #overwrite({ changes, partition, snapshotId }: GoldenStep & { readonly kind: 'overwrite' }): Promise<void> {
    const table = await this.table();
    await using committer = new Committer(table);
    const writer = new OverwriteWriter(table, committer, overwriteTarget(table, { partition }));
    await addChanges(writer, table, changes);
    const result = await writer.commit({ commitsNothing: true });
    this.#headId = result.snapshotId ?? this.#headId;
    if (this.#headId !== snapshotId) throw assertionOfId(this.#headId, snapshotId);
  }

  /** Compacts as a writer does, until the snapshot has its number. */
  async #compactUpTo(snapshotId: number, { isFull }: { readonly isFull: boolean }): Promise<void> {
    if (this.#headId > snapshotId) throw assertionOfId(this.#headId, snapshotId);
    while (this.#headId < snapshotId) {
      const id = (await this.#compact(isFull)) ?? (isFull ? undefined : await this.#compact(true));
      if (id === undefined) {
        await this.#commitEmpty('COMPACT');
        this.notes.push(`snapshot ${this.#headId} is an empty compaction: there was nothing to compact`);
      }
    }
  }

  async #compact(isFull: boolean): Promise<number | undefined> {
    const table = await this.table();
    await using committer = new Committer(table);
    const { snapshotId } = await compactTable(table, committer, { isFull });
    this.#headId = snapshotId ?? this.#headId;
    return snapshotId;
  }

  async #commitEmpty(kind: CommitKind): Promise<void> {
    const table = await this.table();
    const outcome = await commit(table, {
      commitUser: table.random.uuid(),
      commitIdentifier: batchCommitIdentifier,
      plan: async () => commitPlan({ kind, schemaId: table.schema.id }),
    });
    this.#headId = committedId(table, outcome);
  }
}

async function addChanges(
  writer: Pick<TableWriter, 'add'>,
  table: Table,
  changes: readonly GoldenChange[],
): Promise<void> {
  const parse = canonicalParser(table.schema);
  for (let start = 0; start < changes.length; start += batchRowsMax) {
    const part = changes.slice(start, start + batchRowsMax);
    const rows = part.map(change => parse(change.row));
    await writer.add(
      buildBatch(table.schema, rows),
      Int8Array.from(part, change => change.kind),
    );
  }
}

async function replayTable(parts: ReplayParts): Promise<GoldenVerdict> {
  const { root, name } = parts;
  try {
    const database = await databaseOf(root, name);
    const steps = goldenSteps(await goldenLines(root, `ops/${name}.jsonl`), `ops/${name}.jsonl`);
    const first = await firstSchema(root, `warehouse/${databasePath(database)}/${name}`);
    refuseUnwritable([first, ...steps.flatMap(step => (step.kind === 'alter' ? [step.schema] : []))], name);
    const replay = new TableReplay(parts, database, await goldenKinds(root, name));
    await replay.create(first);
    for (const step of steps) await replay.take(step);
    const difference = await differenceFromExpected(parts, replay);
    return difference === undefined
      ? { table: name, status: 'passed', detail: replay.notes.join('; ') }
      : { table: name, status: 'failed', detail: difference };
  } catch (error) {
    return verdictOfError(name, error);
  }
}

async function firstSchema(root: ObjectStore, path: string): Promise<TableSchema> {
  const key = `${path}/${schemaPath(0)}`;
  const text = (await goldenLines(root, key)).join('\n');
  return withoutPath(decodeSchema(new TextEncoder().encode(text), key));
}

function refuseUnwritable(schemas: readonly TableSchema[], name: string): void {
  const refused = new Set(schemas.flatMap(schema => refusedFeatures(schema, 'write')));
  if (refused.size > 0) throw unsupported([...refused].join(', '), `writing ${name}`);
}

async function differenceFromExpected({ root, name }: ReplayParts, replay: TableReplay): Promise<string | undefined> {
  for (const { branch, cases } of await goldenCases(root, name)) {
    replay.useBranch(branch);
    const table = await replay.table();
    for (const golden of cases) {
      // Without a producer a reader follows one row a key and commit with us, and a file's worth of rows with Paimon.
      const isComparable = golden.kind !== 'changes' || table.options.changelogProducer !== 'none';
      if (!isComparable) continue;
      const difference = differenceOf(await linesOfCase(table, golden), await goldenLines(root, golden.key));
      if (difference !== undefined) return `${nameOfCase(golden, branch)}: ${difference}`;
    }
  }
  return undefined;
}

function nameOfCase(golden: GoldenCase, branch: string | undefined): string {
  const where = branch === undefined ? '' : `branch ${branch} `;
  switch (golden.kind) {
    case 'latest':
      return `${where}latest`;
    case 'tag':
      return `${where}tag ${golden.tag}`;
    default:
      return `${where}${golden.kind} ${golden.id}`;
  }
}

function assertionOfId(found: number, expected: number): Error {
  return new AssertionError(`snapshot ${found} came of what made snapshot ${expected}`);
}
