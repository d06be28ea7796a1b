/** One seed of a hunt: everybody at work on one log, then what they were told beside what was written. */
import { seededRandom } from '../../src/base/random.ts';
import { openObjectLog } from '../../src/storage/object-log/object-log-store.ts';
import { allTexts } from '../../src/storage/object-log/object-log-testing.ts';
import { type Appended, appendSome } from './appender.ts';
import { follow } from './follower.ts';
import { splitSome } from './splitter.ts';
import { type HuntCounts, type HuntSettings, HuntWorld, turns } from './world.ts';

export type HuntReport = {
  readonly violations: readonly string[];
  readonly counts: HuntCounts & { readonly batches: number; readonly removed: number; readonly shards: number };
  /** All records ever written, shard by shard. */
  readonly texts: readonly string[];
};

const handleCount = 3;
/** Some hundred times what a hunt takes: somebody waits for ever. */
const turnsMax = 1_000_000;

/** @throws Error that names the seed, when somebody does not come to an end or the log cannot be read */
export async function runHunt(settings: HuntSettings): Promise<HuntReport> {
  const world = new HuntWorld(settings);
  let ended: HuntReport | Error | undefined;
  hunt(world, settings).then(
    report => {
      ended = report;
    },
    (cause: unknown) => {
      ended = new Error(`seed ${settings.seed}: ${String(cause)}`, { cause });
    },
  );
  for (let turn = 0; ended === undefined; turn += 1) {
    if (turn === turnsMax) throw new Error(`seed ${settings.seed} does not end`);
    await turns(1);
  }
  if (ended instanceof Error) throw ended;
  return ended;
}

async function hunt(world: HuntWorld, { seed, retentionMs }: HuntSettings): Promise<HuntReport> {
  const handles = await Promise.all(Array.from({ length: handleCount }, () => world.open()));
  let isDone = false;
  const following = ['shard-000000', 'shard-000001', 'shard-000000'].map(shardId =>
    follow(world, { shardId, handles, isDone: () => isDone }),
  );
  const appending = Promise.all([
    appendSome(world, handles, { name: 'a', roams: true }),
    appendSome(world, handles, { name: 'b', roams: false }),
    appendSome(world, handles, { name: 'c', roams: false }),
  ]);
  // Splits leave no shard many batches: without them, retention has more to remove.
  const splitting = retentionMs === undefined || seed % 2 === 1 ? splitSome(world, handles) : undefined;
  const changing = Promise.all([appending, splitting]).then(() => {
    isDone = true;
  });
  const [appended] = await Promise.all([appending, changing, ...following]);
  await world.closeAll();
  for (const each of appended) checkTold(world, each);
  checkOrder(
    world,
    appended[0].acknowledged.map(each => each.text),
  );
  const counts = await checkKept(world);
  return { violations: world.violations, counts, texts: world.written.texts() };
}

/** What was acknowledged is there and where it was said to be, what failed is not, and nothing is there twice. */
function checkTold(world: HuntWorld, { acknowledged, failed }: Appended): void {
  for (const { text, shardId, position } of acknowledged) {
    const written = world.written.shard(shardId).at(position);
    if (written?.text !== text) world.violate(`${text} was acknowledged at ${position} of ${shardId}, not so`);
  }
  const times = Map.groupBy(world.written.texts(), text => text);
  for (const [text, { length }] of times) {
    if (length > 1) world.violate(`${text} was written ${length} times`);
  }
  for (const text of failed) if (times.has(text)) world.violate(`${text} has failed, and was written`);
}

/** @param acknowledged one after the other, of one hash key */
function checkOrder(world: HuntWorld, acknowledged: readonly string[]): void {
  const own = new Set(acknowledged);
  const written = world.written.texts().filter(text => own.has(text));
  const at = written.findIndex((text, index) => text !== acknowledged[index]);
  if (at >= 0) world.violate(`${written[at]} was written where ${acknowledged[at]} was acknowledged`);
}

/** What one who comes when all is over reads: everything, unless some was removed. */
async function checkKept(world: HuntWorld): Promise<HuntReport['counts']> {
  const { clock, store, written } = world;
  await using log = await openObjectLog(store, {}, { clock, random: seededRandom(1) });
  const kept = await allTexts(log);
  const all = written.texts();
  if (world.retentionMs === undefined && kept.join() !== all.join())
    world.violate(`${kept.length} records are read of ${all.length}, or in another order`);
  const { shards } = await log.describe();
  return { ...world.counts, batches: written.batchCount, removed: all.length - kept.length, shards: shards.length };
}
