/** Appends by several handles, some of which are closed meanwhile, and what came of them. */
import { present } from '../../src/base/assert.ts';
import { text } from '../../src/storage/log-store-testing.ts';
import type { ObjectLogStore } from '../../src/storage/object-log/object-log-store.ts';
import { below, pick } from '../fuzz/mutate-bytes.ts';
import { type HuntWorld, isDenied } from './world.ts';

export type Acknowledged = { readonly text: string; readonly shardId: string; readonly position: bigint };
export type Appended = { readonly acknowledged: Acknowledged[]; readonly failed: string[] };

export type AppenderSettings = {
  readonly name: string;
  /** `roams`: any of the handles, and one hash key; else the first handle, where calls of several go together. */
  readonly roams: boolean;
};

const callCount = 150;
const reopenShare = 0.05;
/** With a retention: how often time leaps, and how far at the most, of the retention. */
const leapShare = 0.15;
const leapMax = 0.6;

/** Appends one or two records a call, each call after the outcome of the one before it. */
export async function appendSome(
  world: HuntWorld,
  handles: ObjectLogStore[],
  { name, roams }: AppenderSettings,
): Promise<Appended> {
  const { random, retentionMs } = world;
  const appended: Appended = { acknowledged: [], failed: [] };
  for (let call = 0; call < callCount; call += 1) {
    const at = roams ? below(random, handles.length) : 0;
    if (random.next() < reopenShare) await replaceHandle(world, handles, at);
    const log = present(handles[at], 'handle');
    const hashKey = roams ? 5n : BigInt(below(random, 2)) << 127n;
    await appendOne(
      world,
      log,
      { hashKey, texts: pick(random, [[`${name}${call}`], [`${name}${call}`, `${name}${call}x`]]) },
      appended,
    );
    if (retentionMs !== undefined && random.next() < leapShare) world.nowMs += below(random, leapMax * retentionMs);
  }
  return appended;
}

/** Whoever has calls at the handle that goes gets their outcomes, or is told that it is closed. */
async function replaceHandle(world: HuntWorld, handles: ObjectLogStore[], at: number): Promise<void> {
  const before = handles[at];
  handles[at] = await world.open();
  world.counts.replaced += 1;
  if (before !== undefined && world.random.next() < 0.5) world.close(before);
}

async function appendOne(
  world: HuntWorld,
  log: ObjectLogStore,
  { hashKey, texts }: { readonly hashKey: bigint; readonly texts: readonly string[] },
  { acknowledged, failed }: Appended,
): Promise<void> {
  const signal = world.someSignal();
  try {
    const outcomes = await log.append(
      texts.map(each => ({ hashKey, data: text(each) })),
      { signal },
    );
    for (const [index, each] of texts.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) {
        world.violate(`${each} has no outcome`);
        continue;
      }
      world.counts[outcome.status] += 1;
      if (outcome.status === 'appended') acknowledged.push({ ...outcome, text: each });
      if (outcome.status === 'failed') failed.push(each);
    }
  } catch (error) {
    if (!world.expects(error, log, signal)) world.violate(`append of ${texts.join(' ')}: ${String(error)}`);
    // It concerns the whole call, which is of one hash key: nothing of it was taken.
    if (isDenied(error)) failed.push(...texts);
  }
}
