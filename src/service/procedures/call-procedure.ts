/** `CALL sys.…`: the procedures there are. */
import { invalid } from '../../base/errors.ts';
import type { CallRequest, StatementResult } from '../../sql/context.ts';
import type { LakeParts } from '../lake-parts.ts';
import { consumerProcedures, maintenanceProcedures, partitionProcedures } from './maintenance-procedures.ts';
import { Call, type Procedure } from './procedure.ts';
import { branchProcedures, rollbackProcedures, tagProcedures } from './tag-procedures.ts';

const procedures: readonly Procedure[] = [
  ...tagProcedures,
  ...branchProcedures,
  ...rollbackProcedures,
  ...maintenanceProcedures,
  ...partitionProcedures,
  ...consumerProcedures,
];

/** @throws LakeError `invalid` LAKE_NO_PROCEDURE listing those there are, LAKE_BAD_ARGUMENT; what the procedure throws */
export function callProcedure(parts: LakeParts, request: CallRequest): Promise<StatementResult> {
  const procedure = procedures.find(({ name }) => name === request.procedure);
  if (procedure !== undefined) return procedure.run(new Call(parts, procedure, request));
  const known = procedures.map(({ name }) => name).toSorted();
  throw invalid('LAKE_NO_PROCEDURE', `there is no procedure ${request.procedure}; there are ${known.join(', ')}`);
}
