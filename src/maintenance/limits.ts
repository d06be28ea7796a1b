/**
 * The constants of removal (DESIGN 2, 2.6). Store time throughout: no rule here reads our own clock. A and B are the
 * commit's (table/commit/limits.ts).
 */

/** O: what nothing names goes only when it is this much older than the head. Above U, so no commit can still name it. */
export const orphanAgeMs: number = 24 * 3_600_000 + 600_000;
/** A claim stays this much longer than the log keeps the record that names it (L3). */
export const claimExtraMs: number = 24 * 3_600_000;
/** Snapshots that are never taken, however old: a reader of the head must be able to look at the one below. */
export const newestKeptCount = 2;

/** Times a sequence of reads is begun again because something moved or it took longer than B. */
export const readTriesMax = 5;
/** Ranges of snapshots that one run of expiry takes, one after the other. */
export const expiryRoundsMax = 40;
/** Bytes of snapshot files in an expiry record; a range ends early rather than exceed them. */
export const heldBytesMax: number = 1024 * 1024;
export const deletesInParallelMax = 16;
export const writesInParallelMax = 16;
export const readsInParallelMax = 16;
/** Snapshots whose manifests are read at a time, and manifests of each: decoded they are large. */
export const rootsInParallelMax = 8;
export const manifestsInParallelMax = 4;
/** Tables maintained at a time. */
export const tablesInParallelMax = 2;
/** Keys that a receipt shows. */
export const keysShownMax = 1_000;
