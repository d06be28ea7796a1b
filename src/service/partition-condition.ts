/** Conditions that choose partitions. */
import { invalid } from '../base/errors.ts';
import type { Table } from '../table/table.ts';
import { predicateColumns } from '../types/filter.ts';
import type { Predicate } from '../types/predicate.ts';
import { parseWhere } from './where.ts';

/** Compares partition keys with constants: whole partitions pass or do not. @throws LakeError `invalid` LAKE_BAD_FILTER */
export function partitionCondition({ schema, label }: Table, where: string): Predicate {
  const filter = parseWhere(where, { fields: schema.fields });
  const other =
    filter.kind === 'predicate'
      ? [...predicateColumns(filter.predicate)].find(name => !schema.partitionKeys.includes(name))
      : undefined;
  if (filter.kind === 'predicate' && other === undefined) return filter.predicate;
  const why =
    other === undefined ? 'it must compare partition keys with constants' : `\`${other}\` is no partition key`;
  throw invalid('LAKE_BAD_FILTER', `${label}: ${where}: ${why}`);
}
