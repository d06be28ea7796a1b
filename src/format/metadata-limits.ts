/**
 * The most that is read of metadata, which whoever may write the bucket can make as large as they like. Far above what any
 * table needs, and little enough that one file does not take the process down.
 */

/**
 * A JSON file: schema, snapshot, tag, consumer, expiry record, ingest state, dead-letter list, hint. 10,000 columns take 2 MB
 * of schema, and an ingest state of 100,000 producers 10 MB.
 */
export const jsonBytesMax: number = 64 * 1024 * 1024;

/** A manifest list, manifest or index manifest. Manifests are 8 MB by default and a list has 200 bytes for each. */
export const manifestBytesMax: number = 256 * 1024 * 1024;

/** A file index: a bloom filter of Paimon's default size has 600 KB, and each indexed column one. */
export const fileIndexBytesMax: number = 256 * 1024 * 1024;

/** A file of dead letters: records of one commit, each of 16 MiB at most, in base64; texts end at 512 MiB in V8. */
export const deadLettersBytesMax: number = 256 * 1024 * 1024;
