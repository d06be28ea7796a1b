/**
 * Which tags are due by themselves, and which of those made before go. Pure.
 *
 * The first snapshot behind a period's end is what the period's tag names: with it, the period is complete.
 *
 * @see Paimon 1.4.2 TagAutoCreation
 */
import type { AutoTagOptions } from './auto-tag-options.ts';

export type AutoTagFacts = {
  readonly options: AutoTagOptions;
  /** Those there are, automatic or not. */
  readonly tags: readonly { readonly name: string; readonly snapshotId: number }[];
  /** Ascending. Those before the newest automatic tag are not looked at. */
  readonly snapshots: readonly {
    readonly id: number;
    readonly timeMs: number;
    /** undefined: not known. */
    readonly watermarkMs: number | undefined;
  }[];
};

export type DueTag = { readonly name: string; readonly snapshotId: number };

/** In the order in which they are to be made. One that is there already is made no second time. */
export function dueTags({ options, tags, snapshots }: AutoTagFacts): readonly DueTag[] {
  const { names, delayMs, time, completes } = options;
  const newest = autoTags({ options, tags }).at(-1);
  const newestMs = newest === undefined ? undefined : names.parse(newest.name);
  let nextMs = newestMs === undefined ? undefined : newestMs + names.periodMs;
  const there = new Set(tags.map(({ name }) => name));
  const due: DueTag[] = [];
  for (const snapshot of snapshots) {
    if (newest !== undefined && snapshot.id <= newest.snapshotId) continue;
    const atMs = time === 'watermark' ? snapshot.watermarkMs : snapshot.timeMs;
    if (atMs === undefined) continue;
    if (nextMs !== undefined && atMs - delayMs < nextMs + names.periodMs) continue;
    const begunMs = Math.trunc(atMs / names.periodMs) * names.periodMs - names.periodMs;
    const tagMs = completes && nextMs !== undefined ? nextMs : begunMs;
    const name = names.print(tagMs);
    if (!there.has(name)) due.push({ name, snapshotId: snapshot.id });
    there.add(name);
    nextMs = tagMs + names.periodMs;
  }
  return due;
}

/** Names of the oldest automatic tags that are more than the table keeps. */
export function surplusTags(facts: Pick<AutoTagFacts, 'options' | 'tags'>): readonly string[] {
  const { retainedCountMax } = facts.options;
  const auto = autoTags(facts);
  if (retainedCountMax === undefined) return [];
  return auto.slice(0, Math.max(0, auto.length - retainedCountMax)).map(({ name }) => name);
}

/** Oldest first. */
function autoTags({ options, tags }: Pick<AutoTagFacts, 'options' | 'tags'>): readonly DueTag[] {
  return tags
    .filter(({ name }) => options.names.isAuto(name))
    .toSorted((a, b) => a.snapshotId - b.snapshotId || (a.name < b.name ? -1 : 1));
}
