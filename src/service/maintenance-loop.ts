/** Maintenance, on and on: now and then a round over all tables, once a day with the orphan cleaner. */
import { partsAs } from './lake-parts.ts';
import { type LoopContext, laterInterval, runLoop } from './loop.ts';
import { maintainedText, maintainLake } from './maintain-lake.ts';

const intervalMsDefault = 300_000;
/** Rounds that found nothing to do make the next one later, up to this. */
const quietIntervalMsMax = 3_600_000;
const orphansIntervalMs = 24 * 3_600_000;

export async function maintenanceLoop(context: LoopContext): Promise<void> {
  const { signal, emit } = context;
  const parts = partsAs(context.parts, 'maintenance');
  const { clock } = parts;
  const intervalMsMin = parts.settings.maintenance?.intervalMs ?? intervalMsDefault;
  let intervalMs = intervalMsMin;
  let orphansAtMs = Number.NEGATIVE_INFINITY;
  await runLoop(context, 'maintenance', async () => {
    await clock.sleep(intervalMs, signal);
    const startMs = clock.monotonicMs();
    const withOrphans = startMs - orphansAtMs >= orphansIntervalMs;
    const { tables, checkpoints } = await maintainLake(parts, { orphans: withOrphans ? 'remove' : 'skip', signal });
    if (withOrphans) orphansAtMs = startMs;
    const elapsedMs = clock.monotonicMs() - startMs;
    if (checkpoints.end.status === 'given-up') {
      const { code, cause: message } = checkpoints.end;
      emit({ kind: 'failed', task: 'maintenance', table: undefined, code, message, error: undefined });
    }
    const isQuiet = checkpoints.advanced === 0 && tables.every(receipt => maintainedText(receipt) === '');
    intervalMs = isQuiet ? laterInterval(intervalMs, quietIntervalMsMax) : intervalMsMin;
    for (const receipt of tables) {
      const { label: table, end } = receipt;
      const detail = maintainedText(receipt);
      if (detail !== '') emit({ kind: 'maintained', table, detail, elapsedMs });
      if (end.status === 'done') continue;
      emit({ kind: 'failed', task: 'maintenance', table, code: end.code, message: end.cause, error: undefined });
    }
  });
}
