/**
 * What the work on tables holds in memory at a time, told by what the process may have. Where a process is given little, as
 * a cloud function is, buffers are smaller and fewer things are done at once: the work takes longer, and it ends.
 *
 * The parts are not added up: a commit and a compaction are rarely in one process, and what each figure bounds is a fraction
 * of what comes and goes around it (encoded pages, copies that wait for the garbage collector).
 */

export type WorkMemory = {
  /** Bytes that the runs of a merge have decoded at a time, all together. */
  readonly mergeWindowBytes: number;
  /** Bytes of small files that a merge has read whole, all together. */
  readonly wholeFilesBytes: number;
  /** Bytes of rows on their way into a commit, their sorted copy with them; a table's `write-buffer-size` may ask for less. */
  readonly writeBufferBytes: number;
  /** Bytes of rows that are put into a sort order at a time; their copy takes as much again. */
  readonly sortBufferBytes: number;
  /** Buckets rewritten, or written, at the same time. */
  readonly bucketsInParallel: number;
  /** Of a data file in the making, which is held until it is whole; a table's `target-file-size` may ask for less. */
  readonly fileBytes: number;
  /** Bytes that queries hold before they spill to disk. */
  readonly sqlBytes: number;
  /** Each holds buffers of its own, and a small function has a fraction of a core; undefined: as many as there are cores. */
  readonly sqlThreads: number | undefined;
  /** Bytes of a log's records read for one commit, packed as they are there. */
  readonly logPieceBytes: number;
  /** Bytes of claims that come into a commit with those, unpacked; a single one may have more. */
  readonly claimedBytes: number;
  /** Bytes of manifest entries that are kept, decoded. */
  readonly manifestEntriesBytes: number;
  /** Bytes of footers and page indexes of data files that are kept, decoded. */
  readonly layoutBytes: number;
};

const mib = 1024 * 1024;

/** Of a process that nobody limits. */
const workBytesMax = 512 * mib;
const workBytesMin = 64 * mib;
/** Of the process; the rest is for Node, its code and the codec, for what is encoded, and for garbage not yet collected. */
const workShare = 0.25;
/** A bucket in the making has a file in the making, which grows to its target size. */
const bucketBytes = 256 * mib;

/** AWS Lambda gives a function a core for so much memory, and of less its share. */
export const bytesPerCore: number = 1_769 * mib;

/** @param processBytes what the process may have in all; undefined: enough */
export function workMemoryOf(processBytes?: number): WorkMemory {
  const wanted = processBytes === undefined ? workBytesMax : processBytes * workShare;
  const work = Math.max(workBytesMin, Math.min(workBytesMax, wanted));
  return {
    mergeWindowBytes: (work * 3) / 16,
    wholeFilesBytes: (work * 3) / 8,
    writeBufferBytes: work / 2,
    sortBufferBytes: work / 8,
    bucketsInParallel: Math.max(1, Math.floor(work / bucketBytes)),
    fileBytes: processBytes === undefined ? Number.POSITIVE_INFINITY : (work * 5) / 16,
    sqlBytes: (work * 5) / 8,
    sqlThreads: processBytes === undefined ? undefined : Math.max(1, Math.round(processBytes / bytesPerCore)),
    logPieceBytes: work / 32,
    claimedBytes: work / 2,
    manifestEntriesBytes: work / 8,
    layoutBytes: work / 16,
  };
}
