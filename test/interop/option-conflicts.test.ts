// Options that contradict each other: what Paimon refuses when a table is made, we refuse, and nothing else.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isLakeError } from '../../src/base/errors.ts';
import { openLake } from '../../src/index.ts';
import { startPaimon } from './paimon.ts';

type Options = Readonly<Record<string, string>>;
type Shape = 'keyed' | 'append' | 'partitioned' | 'crossing' | 'fine';

const vectors = { bucket: '1', 'deletion-vectors.enabled': 'true' };
const firstRow = { bucket: '1', 'merge-engine': 'first-row' };
const fixed = { bucket: '1' };

const cases: readonly (readonly [Shape, Options])[] = [
  ...['none', 'input', 'lookup', 'full-compaction'].flatMap(producer => {
    const made = { 'changelog-producer': producer };
    return [
      ['keyed', { ...vectors, ...made }],
      ['keyed', { ...firstRow, ...made }],
      ['keyed', { ...fixed, ...made, 'streaming-read-overwrite': 'true' }],
      ['append', { bucket: '-1', ...made }],
    ] as const;
  }),
  ['keyed', { ...firstRow, ...vectors }],
  ['append', { bucket: '-1', 'deletion-vectors.enabled': 'true' }],
  ['append', { bucket: '-1', 'streaming-read-overwrite': 'true' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.min': '3', 'snapshot.num-retained.max': '2' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.max': '9' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.max': '10' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.min': '0' }],
  ['keyed', { ...fixed, 'changelog.num-retained.min': '9' }],
  ['keyed', { ...fixed, 'changelog.num-retained.min': '10' }],
  ['keyed', { ...fixed, 'changelog.num-retained.max': '100' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.max': '50', 'changelog.num-retained.max': '49' }],
  ['keyed', { ...fixed, 'snapshot.num-retained.max': '50', 'changelog.num-retained.max': '50' }],
  ['keyed', { ...fixed, 'changelog.time-retained': '59 min' }],
  ['keyed', { ...fixed, 'changelog.time-retained': '60 min' }],
  ['keyed', { ...fixed, 'snapshot.time-retained': '2 h', 'changelog.time-retained': '90 min' }],
  ['append', { bucket: '-1', 'full-compaction.delta-commits': '3' }],
  ['append', { bucket: '2', 'bucket-key': 'k', 'full-compaction.delta-commits': '3' }],
  ['append', { bucket: '-1', 'partition.expiration-time': '3 d' }],
  ['partitioned', { ...fixed, 'partition.expiration-time': '3 d', 'partition.timestamp-formatter': 'yyyyMMdd' }],
  ['keyed', { ...fixed, 'sequence.field': 'v,v' }],
  ['keyed', { ...fixed, 'sequence.field': 'nope' }],
  ['keyed', { ...fixed, 'rowkind.field': 'nope' }],
  ['keyed', { ...fixed, 'fields.nope.aggregate-function': 'sum' }],
  ['partitioned', { ...fixed, 'sequence.field': 'v' }],
  ...[fixed, { bucket: '-1' }].flatMap(
    bucket =>
      [
        ['crossing', bucket],
        ['crossing', { ...bucket, 'sequence.field': 'v' }],
        ['crossing', { ...bucket, 'ignore-delete': 'true' }],
      ] as const,
  ),
  ['keyed', { bucket: '-1', 'bucket-key': 'k' }],
  ['keyed', { ...fixed, 'bucket-key': 'v' }],
  ['keyed', { bucket: '-2' }],
  ['keyed', { bucket: '-2', 'bucket-key': 'k' }],
  ['append', { bucket: '-2' }],
  ['keyed', { bucket: '-2', 'changelog-producer': 'input' }],
  ['keyed', { bucket: '-2', 'merge-engine': 'first-row' }],
  ['keyed', { bucket: '-2', 'deletion-vectors.enabled': 'true' }],
  ...['keyed', 'fine'].flatMap((shape): [Shape, Options][] => [
    [shape as Shape, { ...fixed, 'file.format': 'avro' }],
    [shape as Shape, { ...fixed, 'file.format.per.level': '0:avro' }],
    [shape as Shape, { ...fixed, 'changelog-producer': 'input', 'changelog-file.format': 'avro' }],
    [shape as Shape, { bucket: '-2' }],
  ]),
];

test('we refuse the options that Paimon refuses, and no others', { timeout: 120_000 }, async () => {
  const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-options-'));
  await using paimon = await startPaimon();
  await using lake = await openLake({ warehouse: `file:${join(warehouse, 'ours')}` });
  try {
    await lake.sql('CREATE DATABASE d');
    const verdicts: { readonly of: string; readonly ours: boolean; readonly theirs: boolean; readonly why: string }[] =
      [];
    for (const [index, [shape, options]] of cases.entries()) {
      const theirs = await paimon.create({ warehouse, table: `d.t${index}` }, schemaOf(shape, options)).then(
        () => '',
        (error: unknown) => String(error),
      );
      const ours = await lake.sql(ddl(`d.t${index}`, shape, options)).then(
        () => '',
        (error: unknown) => {
          if (!isLakeError(error) || error.kind !== 'invalid') throw error;
          return error.message;
        },
      );
      const of = `${shape} ${JSON.stringify(options)}`;
      verdicts.push({ of, ours: ours === '', theirs: theirs === '', why: `${theirs} | ${ours}` });
    }
    expect(verdicts.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
    expect(verdicts.filter(({ ours }) => !ours).length).toBeGreaterThan(12);
  } finally {
    rmSync(warehouse, { recursive: true, force: true });
  }
});

function schemaOf(shape: Shape, options: Options): object {
  const value = shape === 'fine' ? 'v TIMESTAMP(9)' : 'v INT';
  const fields = ['k INT NOT NULL', value, 'p STRING NOT NULL'].map((text, id) => {
    const [name, ...type] = text.split(' ');
    return { id, name, type: type.join(' ') };
  });
  const keys = shape === 'append' ? [] : shape === 'partitioned' ? ['p', 'k'] : ['k'];
  const partitionKeys = isPartitioned(shape) ? ['p'] : [];
  const rest = { highestFieldId: 2, comment: '', timeMillis: 1 };
  return { version: 3, id: 0, fields, partitionKeys, primaryKeys: keys, options, ...rest };
}

function isPartitioned(shape: Shape): boolean {
  return shape === 'partitioned' || shape === 'crossing';
}

function ddl(name: string, shape: Shape, options: Options): string {
  const keyed = ', PRIMARY KEY (k) NOT ENFORCED';
  const byBoth = ', PRIMARY KEY (p, k) NOT ENFORCED';
  const key = { append: '', keyed, fine: keyed, partitioned: byBoth, crossing: keyed };
  const type = shape === 'fine' ? 'TIMESTAMP(9)' : 'INT';
  const partition = isPartitioned(shape) ? ' PARTITIONED BY (p)' : '';
  const list = Object.entries(options).map(([name, value]) => `'${name}' = '${value}'`);
  return `CREATE TABLE ${name} (k INT NOT NULL, v ${type}, p STRING NOT NULL${key[shape]})${partition} WITH (${list.join(', ')})`;
}
