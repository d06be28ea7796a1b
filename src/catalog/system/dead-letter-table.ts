/**
 * The columns of the system table `dead_letters`: rows of the log that a table could not take. A table of our own, which
 * Paimon has not. Its rows are read where the log is known (flow/read/dead-letter-rows.ts).
 */
import type { DataType, RowType } from '../../types/data-type.ts';
import { lengthMax } from '../../types/data-type.ts';
import { bigint, boolean, millis, required, rowTypeOf, text } from './columns.ts';

export const deadLettersName = 'dead_letters';

const bytes: DataType = { kind: 'varbinary', length: lengthMax, nullable: true };

export const deadLettersType: RowType = rowTypeOf({
  reason: required(text),
  detail: required(text),
  row_count: required(bigint),
  shard: required(text),
  // Positions of Kinesis have more digits than any number here.
  position: required(text),
  arrival_time: required(millis),
  producer_id: text,
  producer_number: bigint,
  schema_id: bigint,
  record_bytes: required(bigint),
  record: required(bytes),
  snapshot_id: bigint,
  replayed: required(boolean),
});
