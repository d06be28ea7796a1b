/** Maintenance, on and on: of each table now and then. */
import { type LoopContext, runLoop } from './loop.ts';

const intervalMsDefault = 300_000;

export async function maintenanceLoop(context: LoopContext): Promise<void> {
  const { parts, signal } = context;
  const intervalMs = parts.settings.maintenance?.intervalMs ?? intervalMsDefault;
  await runLoop(context, 'maintenance', () => parts.clock.sleep(intervalMs, signal));
}
