/** `CALL sys.…`: the procedures there are. */
import { invalid, LakeError } from '../../base/errors.ts';
import type { CallRequest, StatementResult } from '../../sql/context.ts';
import type { LakeParts } from '../lake-parts.ts';
import { deadLetterProcedures } from './dead-letter-procedures.ts';
import { consumerProcedures, maintenanceProcedures, partitionProcedures } from './maintenance-procedures.ts';
import { Call, type Procedure } from './procedure.ts';
import { refusedProcedures } from './refused-procedures.ts';
import { tableProcedures } from './table-procedures.ts';
import { branchProcedures, rollbackProcedures, tagProcedures } from './tag-procedures.ts';

export const procedures: readonly Procedure[] = [
  ...tagProcedures,
  ...branchProcedures,
  ...rollbackProcedures,
  ...maintenanceProcedures,
  ...partitionProcedures,
  ...consumerProcedures,
  ...deadLetterProcedures,
  ...tableProcedures,
];

/**
 * @throws LakeError `invalid` LAKE_NO_PROCEDURE listing those there are, LAKE_BAD_ARGUMENT; `unsupported` for one that only
 * Paimon has; what the procedure throws
 */
export function callProcedure(parts: LakeParts, request: CallRequest): Promise<StatementResult> {
  const procedure = procedures.find(({ name }) => name === request.procedure);
  if (procedure !== undefined) return procedure.run(new Call(parts, procedure, request));
  if (Object.hasOwn(refusedProcedures, request.procedure)) {
    const why = `CALL sys.${request.procedure} is not supported by Tidelake: ${refusedProcedures[request.procedure]}`;
    throw new LakeError('unsupported', 'LAKE_UNSUPPORTED', why);
  }
  const known = procedures.map(({ name }) => name).toSorted();
  throw invalid('LAKE_NO_PROCEDURE', `there is no procedure ${request.procedure}; there are ${known.join(', ')}`);
}
