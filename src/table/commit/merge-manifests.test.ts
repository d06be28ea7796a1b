/** What merges of manifests read, keep and leave out; when one is due is tested in manifest-merge.test.ts. */
import { expect, test } from 'vitest';
import { fixtureTable, ManualClock, plannedFile } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { encodeManifest, type ManifestEntry, type ManifestFileMeta } from '../../format/manifest.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { type PackSettings, packManifests } from '../manifest-write.ts';
import { manifestCaches } from '../manifests.ts';
import type { Table } from '../table.ts';
import { applyMerges, type MadeMerge, mergeManifests } from './merge-manifests.ts';

const clock = new ManualClock();

type Merging = { readonly merges: readonly MadeMerge[]; readonly readCount: number };

type Bench = {
  /** What the manifests of a list hold: `name` comes, `-name` goes, `name@2` comes in bucket 2. */
  readonly write: (...manifests: (readonly string[])[]) => Promise<readonly ManifestFileMeta[]>;
  readonly merge: (metas: readonly ManifestFileMeta[]) => Promise<Merging>;
  /** `read` for each request, `pack` for each manifest that is made. */
  readonly events: string[];
  readonly targetBytes: number;
};

/** Manifests as long as their entries are many. Ten entries are the target. */
async function bench(settings: {
  readonly fullCompactionBytes: number;
  readonly mergeCountMin: number;
}): Promise<Bench> {
  const memory = new MemoryObjectStore('memory:merge', clock);
  const events: string[] = [];
  const store = countingObjectStore(memory, operation => operation === 'get' && events.push('read'));
  const opened = await fixtureTable(store, { clock, random: seededRandom(1) });
  const entryOf = (text: string): ManifestEntry => {
    const [name = '', inBucket = '0'] = text.replace('-', '').split('@');
    const { partition, bucket, totalBuckets, file } = plannedFile(opened, { name, bucket: Number(inBucket) });
    // So long that what else a manifest has counts for nothing beside its entries.
    const long = { ...file, embeddedIndex: new Uint8Array(20_000) };
    return { kind: text.startsWith('-') ? 'delete' : 'add', partition, bucket, totalBuckets, file: long };
  };
  const targetBytes = encodeManifest(namesFrom(0, 10).map(entryOf), 'null').byteLength;
  const manifests = { ...opened.options.manifests, ...settings, targetBytes };
  const table: Table = { ...opened, options: { ...opened.options, manifests }, caches: manifestCaches() };
  let count = 0;
  const nextCount = (): number => {
    count += 1;
    return count;
  };
  const pack: PackSettings = { targetBytes, codec: 'null', partitionTypes: [], uuid: 'made', nextCount };
  return {
    events,
    targetBytes,
    async write(...lists) {
      const metas: ManifestFileMeta[] = [];
      for (const names of lists) {
        const [packed] = packManifests(names.map(entryOf), { ...pack, targetBytes: 1e9 });
        if (packed === undefined) throw new Error('a manifest has entries');
        await memory.put(`d.db/t/manifest/${packed.meta.fileName}`, packed.bytes);
        metas.push(packed.meta);
      }
      events.length = 0;
      return metas;
    },
    merge: metas =>
      mergeManifests(table, metas, {
        ...pack,
        nextCount: () => {
          events.push('pack');
          return nextCount();
        },
      }),
  };
}

function namesFrom(first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `f${String(first + index).padStart(3, '0')}`);
}

function contents({ outputs }: MadeMerge): readonly (readonly string[])[] {
  return outputs.map(({ entries }) => entries.map(({ kind, file }) => `${kind === 'add' ? '' : '-'}${file.fileName}`));
}

function only({ merges }: Merging): MadeMerge {
  const [merge, ...others] = merges;
  if (merge === undefined || others.length > 0) throw new Error(`one merge is expected, there are ${merges.length}`);
  return merge;
}

const always = { fullCompactionBytes: 1, mergeCountMin: 1_000 };
const neighbours = { fullCompactionBytes: 1e9, mergeCountMin: 3 };

test('where nothing is due nothing is read', async () => {
  const { write, merge, events } = await bench(neighbours);
  expect(await merge(await write(namesFrom(0, 2), namesFrom(2, 1)))).toEqual({ merges: [], readCount: 0 });
  expect(events).toEqual([]);
});

test('neighbours become one, which is dated before they are read; what is in memory is not read again', async () => {
  const { write, merge, events } = await bench(neighbours);
  const metas = await write(['f000'], ['f001', '-f000'], ['-f009', 'f002']);
  const beganMs = clock.nowMs();
  const first = await merge(metas);
  expect(contents(only(first))).toEqual([['f001', '-f009', 'f002']]);
  expect(only(first)).toMatchObject({ inputs: metas, uploadBeganMs: beganMs });
  expect([first.readCount, events.filter(event => event === 'read').length]).toEqual([3, 3]);
  expect((await merge(metas)).readCount).toBe(0);
});

test('a full merge takes what goes out of all manifests, and leaves those alone that hold nothing of it', async () => {
  const { write, merge } = await bench(always);
  const metas = await write(namesFrom(0, 10), namesFrom(10, 10), ['f020', '-f003'], namesFrom(30, 10), [
    '-f031',
    '-f032',
    'f021',
  ]);
  const merging = await merge(metas);
  const made = only(merging);
  expect(made.inputs).toEqual([metas[0], metas[2], metas[3], metas[4]]);
  const kept = [...namesFrom(0, 10), 'f020', ...namesFrom(30, 10), 'f021'];
  const gone = ['f003', 'f031', 'f032'];
  expect(contents(made).flat()).toEqual(kept.filter(name => !gone.includes(name)));
  expect(merging.readCount).toBe(5);
});

test('of the full ones only those are read that may speak of a bucket in which something goes', async () => {
  const { write, merge } = await bench(always);
  const inBucket = (bucket: number, first: number): readonly string[] =>
    namesFrom(first, 10).map(name => `${name}@${bucket}`);
  const metas = await write(inBucket(1, 0), inBucket(2, 10), inBucket(3, 20), ['f030@1'], ['-f013@2']);
  const merging = await merge(metas);
  const made = only(merging);
  expect(made.inputs).toEqual([metas[1], metas[3], metas[4]]);
  expect(contents(made).flat().toSorted()).toEqual(
    [...namesFrom(10, 10), 'f030'].filter(name => name !== 'f013').toSorted(),
  );
  // The two small ones, and of the full ones the second.
  expect(merging.readCount).toBe(3);
});

test('without anything that goes the full ones are not even read', async () => {
  const { write, merge, events } = await bench(always);
  const metas = await write(namesFrom(0, 10), namesFrom(10, 1), namesFrom(11, 10), namesFrom(21, 2));
  const merging = await merge(metas);
  expect(only(merging).inputs).toEqual([metas[1], metas[3]]);
  expect(contents(only(merging))).toEqual([['f010', 'f021', 'f022']]);
  expect([merging.readCount, events]).toEqual([2, ['read', 'read', 'pack']]);
});

test('what fills a manifest is packed before more is read, and all but the last are full', async () => {
  const { write, merge, events, targetBytes } = await bench(always);
  const nines = Array.from({ length: 6 }, (_, index) => namesFrom(index * 9, 9));
  const gone = namesFrom(0, 6);
  const metas = await write(
    gone.map(name => `-${name}`),
    ...nines,
  );
  const made = only(await merge(metas));
  expect(contents(made).flat()).toEqual(namesFrom(6, 48));
  expect(made.outputs.map(({ entries }) => entries.length)).toEqual([12, 11, 11, 11, 3]);
  expect(made.outputs.map(({ meta }) => meta.fileSize >= targetBytes)).toEqual([true, true, true, true, false]);
  // Two of nine and what is over fill one; what is over is packed in vain once and goes on to the next.
  const [nine, full, over] = ['read', 'pack', 'pack'];
  expect(events).toEqual([
    ...['read', nine, nine, full],
    ...[nine, nine, full, over],
    ...[nine, full, over],
    ...[nine, full, over, over],
  ]);
});

test('outputs stand where the first input was, wherever the others were', async () => {
  const { write } = await bench(always);
  const [a, b, c, d, merged] = await write(['a'], ['b'], ['c'], ['d'], ['m']);
  if (a === undefined || b === undefined || c === undefined || d === undefined || merged === undefined)
    throw new Error('five are written');
  const merge = { inputs: [b.fileName, d.fileName], outputs: [merged, a], uploadBeganMs: 0 };
  expect(applyMerges([a, b, c, d], [merge])).toEqual([a, merged, a, c]);
});
