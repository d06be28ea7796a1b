/** What becomes of rows whose columns the table does not have, or has narrower: the option `schema.evolution` (RFC 0019). */
import { type OptionMap, wordOption } from './option-values.ts';

export const schemaEvolutionKey = 'schema.evolution';

/**
 * `adopt`: the table gets the columns; `quarantine`: such rows become dead letters; `fail`: nothing of the table is ingested
 * until somebody decides.
 */
export type SchemaEvolution = 'adopt' | 'quarantine' | 'fail';

/** @returns undefined: not said; who makes records refuses such rows then, and ingest puts aside what comes nevertheless */
export function schemaEvolution(options: OptionMap): SchemaEvolution | undefined {
  return wordOption<SchemaEvolution>(options, schemaEvolutionKey, ['adopt', 'quarantine', 'fail']);
}
