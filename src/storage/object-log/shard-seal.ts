/** The end of a shard that was split or merged: its last batch, which holds no records. */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { logUnavailable } from '../log-errors.ts';
import { encodeBatch } from './batch-codec.ts';
import type { LogClock } from './log-clock.ts';
import type { ShardObjects } from './shard-objects.ts';
import { whereItLies } from './shard-retention.ts';

export type SealParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly logClock: LogClock;
  readonly retentionMs: number | undefined;
};

const triesMax = 200;
const backoff = { delayMsMin: 10, delayMsMax: 1_000 };
const noToken = '0000000000000000';

/** Puts the seal behind the newest batch; fine when it is there already. Aborted, it may be there or not: who comes next goes on. */
export async function sealShard(
  objects: ShardObjects,
  { clock, random, logClock, retentionMs }: SealParts,
  signal?: AbortSignal,
): Promise<void> {
  let cause: unknown = new Error('its appenders were quicker each time');
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    const atMs = clock.nowMs();
    const newest = await objects.newest(signal);
    const head = newest === 0 ? undefined : await objects.head(newest, signal);
    if (head?.kind === 'seal') return;
    const arrivalMs = Math.max(head?.arrivalMs ?? 0, logClock.nowMs());
    const seal = encodeBatch(objects.shardId, { number: newest + 1, arrivalMs, token: noToken, kind: 'seal' }, []);
    const outcome = await objects.store.putIfAbsent(objects.key(newest + 1), seal, { signal });
    if (outcome.status === 'created') {
      const lies = await whereItLies(objects, newest + 1, { ms: clock.nowMs() - atMs, retentionMs });
      if (lies === 'in-place') return;
    } else if (outcome.status === 'unanswered') cause = outcome.cause;
    await clock.sleep(backoffMs(attempt, random, backoff), signal);
  }
  throw logUnavailable(objects.where, cause);
}
