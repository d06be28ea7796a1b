/** What is found once for a tree. */
import { expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import { factsOf } from './facts.ts';

const table: JsonObject = { type: 'BASE_TABLE', schema_name: '', table_name: 't', alias: '', column_name_alias: [] };
const select = (from: JsonObject, item: JsonObject): JsonObject => ({
  type: 'SELECT_NODE',
  select_list: [item],
  from_table: from,
  aggregate_handling: 'STANDARD_HANDLING',
});
const count: JsonObject = { class: 'FUNCTION', type: 'FUNCTION', function_name: 'count_star', children: [] };

test('a tree is walked once, and one that is the same but another is walked by itself', () => {
  const tree = select(table, count);
  const facts = factsOf(tree);
  expect(facts).toMatchObject({ references: [{ table: 't', tree: table }], hasOneRow: true });
  expect(factsOf(tree)).toBe(facts);
  const other = select({ ...table }, count);
  expect(factsOf(other)).not.toBe(facts);
  expect(factsOf(other).references[0]?.tree).toBe(other['from_table']);
});

test('what is refused is refused each time', () => {
  const tree = select(table, { class: 'FUNCTION', type: 'FUNCTION', function_name: 'getenv', children: [] });
  for (const _ of ['once', 'again']) expect(() => factsOf(tree)).toThrow(/getenv is not allowed/);
});
