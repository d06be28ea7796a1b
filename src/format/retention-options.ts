/**
 * How long snapshots stay, and how much longer their changelogs.
 *
 * @see Paimon 1.4.2 CoreOptions.changelogLifecycleDecoupled, ExpireConfig
 */
import { booleanOption, durationOption, integerOption, type OptionMap } from './option-values.ts';

export type RetentionOptions = {
  readonly retainedCountMin: number;
  readonly retainedCountMax: number;
  readonly retainedMs: number;
  readonly expireCountMax: number;
};

export type ChangelogLifecycle = {
  /** Changelogs outlive their snapshots: some option of theirs asks for more than that of snapshots. */
  readonly isDecoupled: boolean;
  /** Counts go from the newest snapshot down, over snapshots and changelogs alike. */
  readonly retention: RetentionOptions;
  /** Consumers hold changelogs only; snapshots go from under them. */
  readonly consumersHoldNoSnapshots: boolean;
};

const intMax = 2_147_483_647;

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function snapshotRetention(options: OptionMap): RetentionOptions {
  return {
    retainedCountMin: integerOption(options, 'snapshot.num-retained.min', 1) ?? 10,
    retainedCountMax: integerOption(options, 'snapshot.num-retained.max', 1) ?? intMax,
    retainedMs: durationOption(options, 'snapshot.time-retained') ?? 3_600_000,
    expireCountMax: integerOption(options, 'snapshot.expire.limit', 1) ?? 50,
  };
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function changelogLifecycle(options: OptionMap): ChangelogLifecycle {
  const snapshots = snapshotRetention(options);
  const retention: RetentionOptions = {
    retainedCountMin: integerOption(options, 'changelog.num-retained.min', 1) ?? snapshots.retainedCountMin,
    retainedCountMax: integerOption(options, 'changelog.num-retained.max', 1) ?? snapshots.retainedCountMax,
    retainedMs: durationOption(options, 'changelog.time-retained') ?? snapshots.retainedMs,
    expireCountMax: snapshots.expireCountMax,
  };
  const isDecoupled =
    retention.retainedCountMin > snapshots.retainedCountMin ||
    retention.retainedCountMax > snapshots.retainedCountMax ||
    retention.retainedMs > snapshots.retainedMs;
  return {
    isDecoupled,
    retention,
    consumersHoldNoSnapshots: isDecoupled && booleanOption(options, 'consumer.changelog-only', false),
  };
}
