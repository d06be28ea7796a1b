/**
 * The chain of snapshots (DESIGN S9): what links down from the largest id. Pure.
 */
import { type Properties, parentProperty } from './properties.ts';

/** How a snapshot stands to the one numbered one below it. */
export type Link =
  /** It names that one's identity. */
  | 'linked'
  /** It names another identity: what lies below is not of this chain. */
  | 'broken'
  /** It names none (Java's): it links by number. */
  | 'by-number';

/** What the chain rule looks at. The identity of a snapshot is its `deltaManifestList`. */
export type ChainSnapshot = {
  readonly id: number;
  readonly deltaManifestList: string;
  readonly properties: Properties;
};

export function linkBetween(child: ChainSnapshot, below: { readonly deltaManifestList: string }): Link {
  const parent = child.properties[parentProperty];
  if (parent === undefined) return 'by-number';
  return parent === below.deltaManifestList ? 'linked' : 'broken';
}

export type ChainEnd =
  /** Nothing lies below the last one. */
  | { readonly kind: 'bottom' }
  /** The number below the last one is not there, though lower ones are. Believed only after S9's second look. */
  | { readonly kind: 'hole'; readonly id: number }
  /** The one below is another chain's. */
  | { readonly kind: 'broken'; readonly id: number };

/**
 * The part of `snapshots` that hangs together with the first one.
 *
 * @param snapshots by descending id, beginning with the head
 * @returns how many of them are in the chain, and why it ends there
 */
export function chainOf(snapshots: readonly ChainSnapshot[]): { readonly count: number; readonly end: ChainEnd } {
  for (const [index, snapshot] of snapshots.entries()) {
    const below = snapshots[index + 1];
    if (below === undefined) break;
    const count = index + 1;
    if (below.id !== snapshot.id - 1) return { count, end: { kind: 'hole', id: snapshot.id - 1 } };
    if (linkBetween(snapshot, below) === 'broken') return { count, end: { kind: 'broken', id: below.id } };
  }
  return { count: snapshots.length, end: { kind: 'bottom' } };
}
