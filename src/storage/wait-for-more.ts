/** How a reader at the tip of a shard waits, whatever the log can do for it. */
import type { Clock } from '../base/clock.ts';
import type { LogStart, LogStore, LogWaitOptions } from './log-store.ts';

/**
 * Resolves when it is worth reading `shardId` from `from` again: at once where the log tells of appends, else after its
 * poll interval; after `waitMsMax` at the latest. Rejects with the signal's reason.
 */
export async function waitForMore(
  log: LogStore,
  shardId: string,
  from: LogStart,
  options: LogWaitOptions & { readonly clock: Clock },
): Promise<void> {
  if (log.waitForMore !== undefined) return log.waitForMore(shardId, from, options);
  return options.clock.sleep(Math.min(log.supports.pollIntervalMs, options.waitMsMax), options.signal);
}
