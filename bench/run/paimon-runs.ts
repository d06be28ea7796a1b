/** Has Paimon write the table of 11 runs. */
import type { RunsWriter } from '../workload/tables.ts';
import type { BuiltTurns } from './built-turns.ts';
import { commandOf } from './contestants.ts';
import { runTurn } from './turn.ts';

export function paimonRuns(turns: BuiltTurns): RunsWriter {
  return async (place, rows) => {
    await runTurn(commandOf('paimon', turns), { job: 'runs', ...place, rows, options: { 'write-only': 'true' } });
  };
}
