/** Tags of one line: those whose time is over go, those that are due by themselves come. */
import { booleanOption } from '../format/option-values.ts';
import type { Table } from '../table/table.ts';
import { refusedAutoTags } from '../table/tags/auto-tag-options.ts';
import { expireTags } from '../table/tags/expire-tags.ts';
import { makeAutoTags } from '../table/tags/make-auto-tags.ts';
import { removeSurplusTags } from '../table/tags/make-batch-tag.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type TagsReceipt = RunEnd & {
  readonly label: string;
  readonly created: readonly string[];
  readonly removed: readonly string[];
};

export async function maintainTags(table: Table): Promise<TagsReceipt> {
  const created: string[] = [];
  const removed: string[] = [];
  const end = await runToEnd(async (): Promise<RunEnd> => {
    const { schema, label } = table;
    if (booleanOption(schema.options, 'tag.time-expire-enabled', true)) removed.push(...(await expireTags(table)));
    const refused = refusedAutoTags(schema);
    if (refused.length > 0) {
      const cause = `tags of ${label} are not made by themselves: ${refused.join(', ')} is not supported by Tidelake`;
      return { status: 'given-up', code: 'LAKE_UNSUPPORTED', cause };
    }
    const made = await makeAutoTags(table);
    created.push(...made.created);
    // Of batches that died between their tag and what it makes too many.
    removed.push(...made.removed, ...(await removeSurplusTags(table)));
    return done;
  });
  return { ...end, label: table.label, created, removed };
}
