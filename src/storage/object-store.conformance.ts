import { test } from 'vitest';
import { systemRandom } from '../base/random.ts';
import type { ObjectStore } from './object-store.ts';
import { listPromises } from './object-store-list.conformance.ts';
import { readPromises } from './object-store-read.conformance.ts';
import { writePromises } from './object-store-write.conformance.ts';

/**
 * The proof of the port's promises: every driver's test is one call of `objectStoreConformance`.
 *
 * Each promise is checked under a prefix of its own, so that the store may hold other things, and it may be the same
 * store for all of them. The store must not inject faults and its clock must be about right.
 */
export type ObjectStorePromise = {
  /** A sentence about what a store does. */
  readonly name: string;
  /** Rejects when the store does not; `at` is a prefix nothing else uses, ending in `/`. */
  readonly check: (store: ObjectStore, at: string) => Promise<void>;
};

/** All promises, for tests that run them against a store of their own making. */
export const objectStorePromises: readonly ObjectStorePromise[] = [...readPromises, ...writePromises, ...listPromises];

/** Registers a vitest test for each promise. `open` is called for each; the store is disposed of afterwards. */
export function objectStoreConformance(name: string, open: () => Promise<ObjectStore>): void {
  for (const promise of objectStorePromises) {
    test(`${name}: ${promise.name}`, async () => {
      await using store = await open();
      await promise.check(store, `conformance/${systemRandom.uuid()}/`);
    });
  }
}
