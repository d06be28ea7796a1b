/** What is told of a partition by its files and its values. Pure. */
import { partitionText } from '../format/partition-text.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { PlacedFile } from '../table/live-files.ts';
import type { DataField } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';

/** When its newest file was made; a file that does not say counts as made with the snapshot. */
export function writtenMsOf(files: readonly PlacedFile[], { timeMillis }: Pick<Snapshot, 'timeMillis'>): number {
  return files.reduce(
    (newest, { file }) => Math.max(newest, file.creationTimeMs ?? timeMillis),
    Number.NEGATIVE_INFINITY,
  );
}

/** Its values by their keys, as SQL writes them: the legacy text of a date is a number, which is no time. */
export function partitionTexts(
  fields: readonly DataField[],
  values: readonly Scalar[],
): readonly (readonly [key: string, text: string | null])[] {
  return fields.map(({ name, type }, index) => {
    const value = values[index] ?? null;
    return [name, value === null ? null : partitionText(type, value, { legacyName: false, defaultName: '' })];
  });
}
