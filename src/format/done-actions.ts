/**
 * What a table asks for when a partition is done: nothing more is to come into it, and others may read it.
 *
 * @see Paimon 1.4.2 CoreOptions (partition.mark-done-action), PartitionMarkDoneTrigger
 */
import { badOption, booleanOption, durationOption, namesOption, textOption, wordOption } from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

export type DoneOptions = {
  /** When a partition's time is over: its start, and so much later. */
  readonly intervalMs: number;
  /** And nothing has come into it for so long. */
  readonly idleMs: number;
  /** How its values make a time. */
  readonly pattern: string | undefined;
  readonly formatter: string | undefined;
};

const actionKey = 'partition.mark-done-action';
/** A metastore, a web server or a class of Java would have to be there for the others. */
const actions = ['success-file', 'done-partition', 'mark-event', 'http-report', 'custom'] as const;

/** undefined: partitions are not done by themselves. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function doneOptions({ options, partitionKeys }: TableSchema): DoneOptions | undefined {
  const idleMs = durationOption(options, 'partition.idle-time-to-done');
  const intervalMs = durationOption(options, 'partition.time-interval');
  if (idleMs === undefined || intervalMs === undefined || partitionKeys.length === 0) return undefined;
  return {
    idleMs,
    intervalMs,
    pattern: textOption(options, 'partition.timestamp-pattern'),
    formatter: textOption(options, 'partition.timestamp-formatter'),
  };
}

/** Whether the partitions that a batch has written are done when it ends. */
export function batchesAreDone({ options, partitionKeys }: TableSchema): boolean {
  return partitionKeys.length > 0 && booleanOption(options, 'partition.end-input-to-done', false);
}

/** The actions that are not done here, by name. @throws LakeError `invalid` LAKE_BAD_OPTION for a word that is none */
export function refusedDoneActions({ options }: TableSchema): readonly string[] {
  const words = namesOption(options, actionKey).map(word => word.toLowerCase());
  const wrong = words.find(word => !actions.some(action => action === word));
  if (wrong !== undefined) throw badOption(actionKey, wrong, `some of ${actions.join(', ')}`);
  return words.filter(word => word !== 'success-file').map(word => `${actionKey}=${word}`);
}

/** The same for partitions that are done by themselves. */
export function refusedDoneModes({ options }: TableSchema): readonly string[] {
  const key = `${actionKey}.mode`;
  const mode = wordOption(options, key, ['process-time', 'watermark']) ?? 'process-time';
  return mode === 'process-time' ? [] : [`${key}=${mode}`];
}
