/**
 * The plain model of a table of numbered changes: what its chain of snapshots is, and what each of them must hold. It sees
 * the snapshot files as they come to the store, and hears from writers what they were told.
 *
 * A change is a number. Its bucket is the number modulo the buckets. A bucket's content is known by its count and a sum of
 * hashes, so that a reader can be checked against it without keeping what it held.
 */
import { type ChainedSnapshot, ChainWatch, type SeenSnapshot } from './chain-watch.ts';
import { mix } from './chance.ts';
import { Violation, type Watcher } from './world.ts';

/** The changes in a bucket. */
export type Content = { readonly count: number; readonly sum: number };

export const noContent: Content = { count: 0, sum: 0 };

/** The names by which commits of the scenarios are known; a change's number is the commit's identifier. */
export const changeUser = 'change';
/** Empties the bucket that is its identifier. */
export const overwriteUser = 'overwrite';

type Start = { readonly snapshot: ChainedSnapshot; readonly contents: readonly Content[] };

export class ChainModel implements Watcher {
  readonly #buckets: number;
  readonly #chain: ChainWatch;
  /** By snapshot, then by bucket; 0 is the empty table. */
  readonly #contents: (readonly Content[])[];
  readonly #snapshotOf = new Map<number, number>();
  readonly #refused = new Set<number>();
  readonly stored: (key: string, bytes: Uint8Array) => void;

  /** @param start of a branch: the snapshot that it begins with, and what is in it; undefined: it begins with nothing */
  constructor(metaPath: string, buckets: number, start?: Start) {
    this.#buckets = buckets;
    this.#chain = new ChainWatch(metaPath, snapshot => this.#link(snapshot), start?.snapshot);
    this.#contents = [];
    this.#contents[start?.snapshot.id ?? 0] = start?.contents ?? Array.from({ length: buckets }, () => noContent);
    this.stored = this.#chain.stored;
  }

  /** The model of a branch that begins with a snapshot of this chain. */
  branch(metaPath: string, snapshot: ChainedSnapshot): ChainModel {
    this.chained(snapshot);
    return new ChainModel(metaPath, this.#buckets, { snapshot, contents: this.#contents[snapshot.id] ?? [] });
  }

  /** Of the chain. */
  get headId(): number {
    return this.#chain.headId;
  }

  /** Snapshot files that came too late and are in no chain. */
  get voids(): number {
    return this.#chain.voids;
  }

  #link({ id, user, identifier: change }: SeenSnapshot): void {
    this.#contents[id] = this.#contentsAfter(this.#contents[id - 1] ?? [], user, change);
    if (user !== changeUser) return;
    check(!this.#snapshotOf.has(change), () => `change ${change} is in ${this.#snapshotOf.get(change)} and in ${id}`);
    check(!this.#refused.has(change), () => `change ${change} is in ${id}; its writer was told that it is not`);
    this.#snapshotOf.set(change, id);
  }

  /** A writer was told that its change is in. */
  committed(change: number, snapshot: ChainedSnapshot): void {
    this.chained(snapshot);
    const at = this.#snapshotOf.get(change);
    check(at === snapshot.id, () => `change ${change} was committed in ${snapshot.id}, and is in ${at ?? 'none'}`);
  }

  /** Somebody was told that this snapshot is in the chain. */
  chained(snapshot: ChainedSnapshot): void {
    check(this.#chain.has(snapshot), () => `snapshot ${snapshot.id} is not what a writer was told`);
  }

  /** A writer was told that its change is not in and never will be. */
  refused(change: number): void {
    const at = this.#snapshotOf.get(change);
    check(at === undefined, () => `change ${change} is in ${at}; its writer was told that it is not`);
    this.#refused.add(change);
  }

  /** What a reader of this snapshot must see in a bucket; undefined: it is no snapshot of the chain. */
  content(snapshot: ChainedSnapshot, bucket: number): Content | undefined {
    return this.#chain.has(snapshot) ? this.#contents[snapshot.id]?.[bucket] : undefined;
  }

  #contentsAfter(before: readonly Content[], user: string, change: number): readonly Content[] {
    if (user === changeUser) {
      const bucket = change % this.#buckets;
      return before.map((content, index) => (index === bucket ? plus(content, contentOf(change)) : content));
    }
    if (user === overwriteUser) return before.map((content, index) => (index === change ? noContent : content));
    return before;
  }
}

export function contentOf(change: number): Content {
  return { count: 1, sum: mix(1, change) };
}

export function plus(a: Content, b: Content): Content {
  return { count: a.count + b.count, sum: (a.sum + b.sum) >>> 0 };
}

/** The bytes of a data file that holds this. */
export function contentBytes(content: Content): Uint8Array {
  return new TextEncoder().encode(`${content.count}:${content.sum}`);
}

export function readContent(text: string): Content {
  const [count, sum] = text.split(':').map(Number);
  return { count: count ?? 0, sum: sum ?? 0 };
}

function check(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}
