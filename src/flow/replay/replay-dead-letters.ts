/**
 * Brings dead letters again: those that fit the table by now go through its log once more, exactly once (RFC 0010).
 *
 * A **replay** is three steps, each of which may be done by another process than the one before, and more than once:
 * 1. *Begin*: records of what fits are written down, and one swap takes the letters off the list and names that file.
 * 2. *Send*: the records go to the log under a producer that is named after the file, numbered in the list's order.
 *    Ingest takes each number once, and only while the list names the replay.
 * 3. *End*: when the table has taken the last number of every lane, one swap takes the replay off the list.
 * What does not fit stays on the list and is never sent. Whoever finds a replay goes on with it.
 */
import { unreachable } from '../../base/assert.ts';
import { invalid, LakeError, unsupported } from '../../base/errors.ts';
import { backoffMs } from '../../base/retry.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { Committer } from '../../table/commit/commit.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlannedUpload,
} from '../../table/commit/request.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import {
  type DeadLetterFile,
  type DeadLetterList,
  type ListedFile,
  type ReplayFile,
  readDeadLetterList,
  storeDeadLetterList,
} from '../ingest/dead-letter-list.ts';
import { type DeadLetterReason, storeDeadLetterFile } from '../ingest/dead-letters.ts';
import { loadState, storeState } from '../ingest/load-state.ts';
import { type IngestState, producerKey, replayProducerId } from '../ingest/state.ts';
import { refusedThroughLog } from '../lanes.ts';
import { type SendRecordsParts, sendRecords } from '../send-records.ts';
import { draftReplay, type KeptRows, type ReplayDraft } from './draft-replay.ts';
import { readReplayFile, storeReplayFile } from './replay-file.ts';

export type ReplayOptions = {
  /** Only letters of this reason. */
  readonly reason?: DeadLetterReason | undefined;
  /** How long ingest is waited for, in all. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
};

export type ReplayReceipt = {
  /** Rows of replays that are in the table now, those included that another had begun. */
  readonly replayedRows: number;
  /** Rows that are in the log and that nobody has taken in yet. Replay again to see that they are. */
  readonly pendingRows: number;
  /** Rows that do not fit, and stay. */
  readonly kept: readonly KeptRows[];
};

const pollBackoff = { delayMsMin: 50, delayMsMax: 1_000 };
/** Replays of one call; each has 32 MiB of rows or what is left, so something is wrong long before. */
const roundsMax = 10_000;

/**
 * Replays until nothing that fits is left, or ingest lets wait for itself.
 *
 * @throws LakeError `invalid` LAKE_NOT_LOGGED; `unsupported`; `conflict` LAKE_COMMIT_CONFLICT; `fenced` LAKE_TABLE_GONE; of the
 * store and the log: whatever was begun is gone on with by the next replay
 */
export async function replayDeadLetters(
  parts: SendRecordsParts,
  table: Table,
  options: ReplayOptions,
): Promise<ReplayReceipt> {
  const refused = refusedThroughLog(table.schema);
  if (refused.length > 0) throw unsupported(refused.join(', '), `writing ${table.label} through a log`);
  // What makes letters fit is a newer schema than the caller may have opened the table with.
  await using run = new ReplayRun(parts, await reopenTable(table), options);
  for (let round = 0; round < roundsMax; round += 1) {
    const end = await run.round();
    if (end !== undefined) return end;
  }
  throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', `${table.label}: its dead letters do not come to an end`);
}

/** Nobody can bring back what came through no log. @throws LakeError `invalid` LAKE_NOT_LOGGED */
export async function stateWithLetters(table: Table, base: CommitBase): Promise<IngestState> {
  const state = await loadState(table, base.properties);
  if (state !== undefined) return state;
  throw invalid('LAKE_NOT_LOGGED', `${table.label} has taken nothing from a log, so it has no dead letters`);
}

type Found = { readonly base: CommitBase; readonly state: IngestState; readonly list: DeadLetterList };

class ReplayRun implements AsyncDisposable {
  readonly #parts: SendRecordsParts;
  readonly #options: ReplayOptions;
  readonly #commitUser: string;
  readonly #untilMs: number;
  readonly #examined = new Set<string>();
  readonly #sent = new Set<string>();
  /** Rows of replays that were there when this one looked, until they are not. */
  readonly #underWay = new Map<string, number>();
  readonly #kept: KeptRows[] = [];
  #table: Table;
  #committer: Committer;
  #replayedRows = 0;
  #polls = 0;

  constructor(parts: SendRecordsParts, table: Table, options: ReplayOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#table = table;
    this.#committer = new Committer(table);
    this.#commitUser = `replay-${parts.random.uuid()}`;
    this.#untilMs = parts.clock.monotonicMs() + options.waitMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committer[Symbol.asyncDispose]();
  }

  /** One step from what the table says now. undefined: there is more to do. */
  async round(): Promise<ReplayReceipt | undefined> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const found = await this.#look();
    const { replays, files } = found.list;
    this.#countEnded(replays);
    const [ended] = replays.filter(replay => isTaken(replay, found.state));
    if (ended !== undefined) return this.#end(ended);
    const [unsent] = replays.filter(({ name }) => !this.#sent.has(name));
    if (unsent !== undefined) return this.#send(unsent, found.state);
    if (replays.length > 0) return this.#wait(replays);
    const { reason } = this.#options;
    const draft = await draftReplay(this.#table, files, { reason, examined: this.#examined });
    for (const name of draft.examined) this.#examined.add(name);
    this.#kept.push(...draft.kept.filter(({ rowCount }) => rowCount > 0));
    if (draft.records.length > 0) return this.#begin(draft);
    // Files that came meanwhile are the next call's.
    return this.#receipt(0);
  }

  /** A replay leaves the list when all of it is in the table, whoever saw to that. */
  #countEnded(replays: readonly ReplayFile[]): void {
    const names = new Set(replays.map(({ name }) => name));
    for (const [name, rowCount] of this.#underWay) {
      if (names.has(name)) continue;
      this.#underWay.delete(name);
      this.#replayedRows += rowCount;
    }
    for (const { name, rowCount } of replays) this.#underWay.set(name, rowCount);
  }

  async #look(): Promise<Found> {
    const found = await this.#committer.base({ isFresh: true });
    if (found.kind === 'fenced') throw this.#gone(found.reason);
    const { base } = found;
    if (base.schema.id > this.#table.schema.id) await this.#reopen();
    const state = await stateWithLetters(this.#table, base);
    return { base, state, list: await readDeadLetterList(this.#table, state.deadLetters) };
  }

  async #reopen(): Promise<void> {
    await this.#committer[Symbol.asyncDispose]();
    this.#table = await reopenTable(this.#table);
    this.#committer = new Committer(this.#table);
    // What did not fit the schema before may fit this one.
    this.#examined.clear();
    this.#kept.length = 0;
  }

  async #begin(draft: ReplayDraft): Promise<undefined> {
    const table = this.#table;
    const uploadBeganMs = table.storeTimeMs();
    const replay = await storeReplayFile(table, draft.records);
    const rests = new Map<string, DeadLetterFile | undefined>();
    for (const [name, letters] of draft.rests) {
      rests.set(name, letters.length === 0 ? undefined : await storeDeadLetterFile(table, letters));
    }
    const gone = new Map<string, DeadLetterFile>();
    for (const [name, letters] of draft.gone) gone.set(name, await storeDeadLetterFile(table, letters));
    const stored = [replay, ...rests.values(), ...gone.values()].flatMap(file =>
      file === undefined ? [] : [file.name],
    );
    const uploads = stored.map(name => ({ name, uploadBeganMs }));
    await this.#swap(async (base, isAgain) => {
      const state = await stateWithLetters(table, base);
      const list = await readDeadLetterList(table, state.deadLetters);
      const names = new Set(list.files.map(file => file.name));
      // Another replay was faster, what was looked at is not the table's schema any more, or the files are too old: begin anew.
      const isChanged = list.replays.length > 0 || [...rests.keys()].some(name => !names.has(name));
      if (isChanged || isAgain || base.schema.id !== table.schema.id) return commitStop('changed', 'begin anew');
      // What becomes of a file's letters came in with the commit that the file did.
      const become = (of: ReadonlyMap<string, DeadLetterFile | undefined>, { name, snapshotId }: ListedFile) => {
        const file = of.get(name);
        return file === undefined ? [] : [{ ...file, snapshotId }];
      };
      const files = list.files.flatMap(file => (rests.has(file.name) ? become(rests, file) : file));
      const letters = list.files.flatMap(file => become(gone, file));
      return this.#planOf(base, state, { files, replays: [{ ...replay, letters }] }, uploads);
    });
    // Those that stay have been looked at, in whatever file they are now.
    for (const [name, rest] of rests) if (rest !== undefined && this.#examined.has(name)) this.#examined.add(rest.name);
    return undefined;
  }

  async #send(replay: ReplayFile, state: IngestState): Promise<undefined> {
    const records = await Array.fromAsync(readReplayFile(this.#table, replay.name));
    const owed = records.filter(({ header }) => header.producerNumber > takenOf(replay, header.bucket, state));
    await sendRecords(this.#parts, owed, this.#options.signal);
    this.#sent.add(replay.name);
    this.#polls = 0;
    return undefined;
  }

  async #end(replay: ReplayFile): Promise<undefined> {
    await this.#swap(async base => {
      const state = await stateWithLetters(this.#table, base);
      const { files, replays } = await readDeadLetterList(this.#table, state.deadLetters);
      const rest = replays.filter(({ name }) => name !== replay.name);
      if (rest.length === replays.length || !isTaken(replay, state)) return commitStop('changed', 'it has ended');
      return this.#planOf(base, state, { files, replays: rest }, []);
    });
    return undefined;
  }

  async #wait(replays: readonly ReplayFile[]): Promise<ReplayReceipt | undefined> {
    const { clock, random } = this.#parts;
    const leftMs = this.#untilMs - clock.monotonicMs();
    if (leftMs <= 0) return this.#receipt(replays.reduce((sum, { rowCount }) => sum + rowCount, 0));
    await clock.sleep(Math.min(leftMs, 10 + backoffMs(this.#polls, random, pollBackoff)), this.#options.signal);
    this.#polls += 1;
    return undefined;
  }

  #receipt(pendingRows: number): ReplayReceipt {
    return { replayedRows: this.#replayedRows, pendingRows, kept: this.#kept };
  }

  async #planOf(
    base: CommitBase,
    state: IngestState,
    list: DeadLetterList,
    uploads: readonly PlannedUpload[],
  ): Promise<CommitPlan> {
    const stored = await storeDeadLetterList(this.#table, list);
    const { properties, uploads: ofState } = await storeState(this.#table, { ...state, deadLetters: stored.listName });
    return commitPlan({
      kind: 'APPEND',
      schemaId: base.schema.id,
      properties,
      uploads: [...uploads, ...stored.uploads, ...ofState],
    });
  }

  /** What became of a swap shows at the next look. */
  async #swap(plan: (base: CommitBase, isAgain: boolean) => Promise<CommitPlan | CommitStop>): Promise<void> {
    const { signal } = this.#options;
    const request = { commitUser: this.#commitUser, commitIdentifier: batchCommitIdentifier, signal };
    const outcome = await this.#committer.commit({
      ...request,
      plan: (base, again) => plan(base, again !== undefined),
    });
    switch (outcome.status) {
      case 'committed':
      case 'changed':
      case 'unknown':
        return;
      case 'conflict':
        throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', `${this.#table.label}: ${outcome.detail}`);
      case 'fenced':
        throw this.#gone(outcome.reason);
      default:
        return unreachable(outcome);
    }
  }

  #gone(why: string): LakeError {
    return new LakeError('fenced', 'LAKE_TABLE_GONE', `${this.#table.label}: ${why}`);
  }
}

/** The last number of a lane that the table has. */
export function takenOf(replay: ReplayFile, lane: number, { producers }: IngestState): number {
  return producers.get(producerKey(replayProducerId(replay.name), lane))?.lastNumber ?? 0;
}

function isTaken(replay: ReplayFile, state: IngestState): boolean {
  return [...replay.lanes].every(([lane, count]) => takenOf(replay, lane, state) >= count);
}
