/** A table's dead letters: what they are, and bringing them again. */
import { type JsonObject, stringifyJson } from '../base/json.ts';
import { readDeadLetterList } from '../flow/ingest/dead-letter-list.ts';
import {
  type DeadLetterReason,
  readDeadLetters,
  type DeadLetter as StoredLetter,
} from '../flow/ingest/dead-letters.ts';
import { stateOfHead } from '../flow/ingest/load-state.ts';
import { headerOfLetter } from '../flow/read/dead-letter-rows.ts';
import { draftReplay } from '../flow/replay/draft-replay.ts';
import { type ReplayReceipt, replayDeadLetters, takenOf } from '../flow/replay/replay-dead-letters.ts';
import { readReplayFile } from '../flow/replay/replay-file.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { reopenTable, type Table } from '../table/table.ts';
import { type LakeParts, logOf } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';

export type { DeadLetterReason } from '../flow/ingest/dead-letters.ts';
export type { ReplayReceipt } from '../flow/replay/replay-dead-letters.ts';

/** Rows of one record that the table could not take. */
export type DeadLetter = {
  readonly reason: DeadLetterReason;
  readonly detail: string;
  readonly rowCount: number;
  /** Where in the log they were. */
  readonly shard: string;
  readonly position: bigint;
  readonly arrivalMs: number;
  /** Of the record; undefined where it cannot be read. */
  readonly producerId: string | undefined;
  readonly producerNumber: number | undefined;
  readonly schemaId: number | undefined;
};

export type ReplayRequest = {
  /** Only letters of this reason. */
  readonly reason?: DeadLetterReason | undefined;
  /** How long ingest is waited for. Default 60,000; what is pending then is the next replay's. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** What a replay would send, as things are. */
export type ReplayForecast = Omit<ReplayReceipt, 'replayedRows'> & {
  /** Rows that fit by now. */
  readonly fittingRows: number;
};

const waitMsDefault = 60_000;

/** Oldest first; none for a table that takes nothing from a log. */
export async function* listDeadLetters(table: Table): AsyncGenerator<DeadLetter, void, undefined> {
  const state = await stateOfHead(table, await latestSnapshot(table));
  if (state?.deadLetters === undefined) return;
  for await (const letter of readDeadLetters(table, state.deadLetters)) yield told(letter);
}

/** One line of JSON each; counts and positions that may be large are texts. */
export async function* deadLetterLines(table: Table): AsyncGenerator<string, void, undefined> {
  for await (const { position, ...letter } of listDeadLetters(table)) {
    const json: JsonObject = { ...letter, position: position.toString() };
    yield `${stringifyJson(json)}\n`;
  }
}

/**
 * Brings dead letters again that fit the table by now: through the log, each row once, whoever else does so and whatever
 * dies meanwhile (RFC 0010).
 *
 * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED; and of `replayDeadLetters`
 */
export async function replayLakeDeadLetters(
  parts: LakeParts,
  table: Table,
  { waitMs = waitMsDefault, ...request }: ReplayRequest = {},
): Promise<ReplayReceipt> {
  const { store, clock, random } = parts;
  const log = logOf(await withLogOf(parts, table), 'replaying dead letters');
  return replayDeadLetters({ log, store, clock, random }, table, { ...request, waitMs });
}

/** Looks only. */
export async function forecastReplay(
  opened: Table,
  { reason }: Pick<ReplayRequest, 'reason'> = {},
): Promise<ReplayForecast> {
  const table = await reopenTable(opened);
  const state = await stateOfHead(table, await latestSnapshot(table));
  const { files, replays } = await readDeadLetterList(table, state?.deadLetters);
  let pendingRows = 0;
  for (const replay of replays) {
    for await (const { header } of readReplayFile(table, replay.name)) {
      if (state === undefined || header.producerNumber > takenOf(replay, header.bucket, state))
        pendingRows += header.rowCount;
    }
  }
  let fittingRows = 0;
  const kept: ReplayReceipt['kept'][number][] = [];
  // File by file, so that what is looked at is bounded by the largest.
  for (const file of files) {
    const draft = await draftReplay(table, [file], { reason, examined: new Set(), isUnbounded: true });
    fittingRows += draft.records.reduce((sum, { header }) => sum + header.rowCount, 0);
    kept.push(...draft.kept);
  }
  return { fittingRows, pendingRows, kept };
}

function told({ reason, detail, rowCount, shardId, position, arrivalMs, data }: StoredLetter): DeadLetter {
  const header = headerOfLetter({ data });
  return {
    reason,
    detail,
    rowCount,
    shard: shardId,
    position,
    arrivalMs,
    producerId: header?.producerId,
    producerNumber: header?.producerNumber,
    schemaId: header?.schemaId,
  };
}
