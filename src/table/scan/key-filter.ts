/** What of a filter may be asked of files, and of a log's tail, before rows of one key are merged. */
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import type { Predicate } from '../../types/predicate.ts';
import { restrictTo } from '../../types/prune.ts';

/**
 * The parts of a filter that all rows of one key pass, or none: what else it says could leave out the newest row of a key and
 * bring an older one back.
 */
export function keyFilter(
  schema: TableSchema,
  keyNames: readonly string[],
  predicate: Predicate | undefined,
): Predicate | undefined {
  return restrictTo(
    predicate,
    keyNames.filter(name => !hasTwoZeros(schema, [name])),
  );
}

/** Whether rows of one key may differ to a filter: 0 and -0 are one key (`key-encoding.ts`) and two values. */
export function hasTwoZeros(schema: TableSchema, keyNames: readonly string[]): boolean {
  return fieldsNamed(schema, keyNames).some(({ type }) => type.kind === 'float' || type.kind === 'double');
}
