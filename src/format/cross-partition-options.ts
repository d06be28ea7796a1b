/** Options of a table whose keys may move from one partition to another. @see Paimon 1.4.2 CoreOptions */
import { durationOption, integerOption, type OptionMap } from './option-values.ts';

export type CrossPartitionOptions = {
  /** Keys of files that were not written for so long are looked up no more; undefined: all are. */
  readonly indexMs: number | undefined;
  /** Buckets in which keys are looked up at the same time. */
  readonly lookUpParallelism: number;
};

const lookUpParallelismDefault = 10;

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function crossPartitionOptions(options: OptionMap): CrossPartitionOptions {
  return {
    indexMs: durationOption(options, 'cross-partition-upsert.index-ttl'),
    lookUpParallelism:
      integerOption(options, 'cross-partition-upsert.bootstrap-parallelism', 1) ?? lookUpParallelismDefault,
  };
}
