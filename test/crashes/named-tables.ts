/** What named producers of the crash tests write: request after request of a source that gives the same rows whenever it is read. */
import { type Lake, type LakeTable, type ShapeOf, t } from '../../src/index.ts';

type NamedColumns = {
  readonly k: ReturnType<typeof t.int>;
  readonly n: ReturnType<typeof t.bigint>;
};
const columns: NamedColumns = { k: t.int(), n: t.bigint() };

export type NamedTables = {
  /** Shows every row that came in. */
  readonly rows: LakeTable<ShapeOf<NamedColumns, never>>;
  /** Adds up what came in by key. */
  readonly sums: LakeTable<ShapeOf<NamedColumns, 'k'>>;
};

export const requestCount = 60;
const requestRows = 50;
const keyCount = 13;

export async function createNamedTables(lake: Lake): Promise<NamedTables> {
  const options = { bucket: 4, 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' };
  return {
    rows: await lake.createTable('named.rows', { columns, ifNotExists: true }),
    sums: await lake.createTable('named.sums', { columns, primaryKey: ['k'], options, ifNotExists: true }),
  };
}

/** The rows of a request, `from` 1 up; each value is there once among all. */
export function namedRows(request: number): readonly { readonly k: number; readonly n: bigint }[] {
  return Array.from({ length: requestRows }, (_, index) => {
    const value = (request - 1) * requestRows + index;
    return { k: value % keyCount, n: BigInt(value) };
  });
}
