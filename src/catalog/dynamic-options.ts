/**
 * Options that hold for one use of a table: those of a hint, `OPTIONS('k' = 'v')`, or of the SDK's `withOptions`.
 * What Paimon lets one set so can be set; keys that nobody knows are taken and do nothing. What they must not change when
 * rows are written is told in `table/write/dynamic-options.ts`.
 *
 * @see Paimon 1.4.2 AbstractFileStoreTable.copy, AbstractFlinkTableFactory.buildPaimonTable
 */
import { invalid } from '../base/errors.ts';
import { type Table, withOptions } from '../table/table.ts';
import { whyFixed } from './option-change.ts';
import { validateSchema } from './table-definition.ts';

type Options = Readonly<Record<string, string>>;

/** Which branch of the table is meant; the rest holds for that one. */
export const branchOption = 'branch';

/**
 * The table with these options on top of its own. Option `branch` must be followed before (`branchOption`).
 *
 * @throws LakeError `invalid` LAKE_BAD_OPTION: an option that is fixed, contradicts others or has no such value
 */
export function copyTable(table: Table, options: Options): Table {
  for (const [key, value] of Object.entries(options)) {
    const why = whyFixed(table.schema.options, key, value);
    if (why !== undefined) throw badOption(table, why);
  }
  const copy = withOptions(table, options);
  if (copy !== table) validateSchema(copy.schema);
  return copy;
}

function badOption({ label }: Table, why: string): Error {
  return invalid('LAKE_BAD_OPTION', `${label}: ${why}`);
}
