/** What the log's producers need of a table. */
import { invalid, unsupported } from '../base/errors.ts';
import type { ProducerTable } from '../flow/producer.ts';
import type { Table } from '../table/table.ts';

/** Options of a sink that is not there when rows go through a log. */
const ofNoConcern = /^(sink|scan|lookup)\.|^write-buffer|^local-merge-buffer/;

/**
 * @throws LakeError `invalid` LAKE_NOT_LOGGED for tables whose rows can not go through a log; `unsupported` naming an
 * option that was given for this use of the table
 */
export function loggedTable({ id, label, schema, identifier, dynamicOptions }: Table): ProducerTable {
  if (identifier.branch !== undefined)
    throw invalid('LAKE_NOT_LOGGED', `${label}: rows of a branch do not go through a log`);
  if (id === undefined) {
    const why = 'was not made by Tidelake, so the log can not name it; write without a log';
    throw invalid('LAKE_NOT_LOGGED', `${label} ${why}`);
  }
  const other = Object.keys(dynamicOptions).find(key => !ofNoConcern.test(key));
  if (other !== undefined) {
    throw unsupported(`option ${other} for one statement of a table with a log, whose rows are written later,`, label);
  }
  return { tableId: id, tableName: label, schema };
}
