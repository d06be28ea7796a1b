/** `CALL sys.replay_dead_letters`: Tidelake's own, since only its tables have dead letters. */
import { deadLetterReasons, isDeadLetterReason } from '../../flow/ingest/dead-letters.ts';
import type { StatementResult } from '../../sql/context.ts';
import { forecastReplay, type ReplayReceipt, replayLakeDeadLetters } from '../dead-letters.ts';
import { type Call, numberRow, type Procedure } from './procedure.ts';

export const deadLetterProcedures: readonly Procedure[] = [
  { name: 'replay_dead_letters', parameters: ['table', 'reason?', 'wait?', 'dry_run?'], run: replay },
];

/** One row: how many rows are in the table, on their way, and stay, since they do not fit. */
async function replay(call: Call): Promise<StatementResult> {
  const reason = call.optionalText('reason');
  if (reason !== undefined && !isDeadLetterReason(reason))
    throw call.bad(`there is no reason ${JSON.stringify(reason)}; there are ${deadLetterReasons.join(', ')}`);
  const table = await call.table();
  if (call.optionalBoolean('dry_run') === true) {
    const { fittingRows, pendingRows, kept } = await forecastReplay(table, { reason });
    return numberRow({ fitting_rows: fittingRows, pending_rows: pendingRows, kept_rows: rowsOf(kept) });
  }
  const { parts, signal } = call;
  const request = { reason, waitMs: call.optionalDuration('wait'), signal };
  const { replayedRows, pendingRows, kept } = await replayLakeDeadLetters(parts, table, request);
  return numberRow({ replayed_rows: replayedRows, pending_rows: pendingRows, kept_rows: rowsOf(kept) });
}

function rowsOf(kept: ReplayReceipt['kept']): number {
  return kept.reduce((sum, { rowCount }) => sum + rowCount, 0);
}
