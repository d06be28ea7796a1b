/** Avro data files: containers of records, read into columns. */
import { readdirSync, readFileSync } from 'node:fs';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { openAvroData } from '../../src/format/avro-data/reader.ts';
import { fitsAvro } from '../../src/format/avro-data/record-type.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import type { RowType } from '../../src/types/data-type.ts';
import { sampleRowType } from './sample-rows.ts';
import { holds, type Target } from './target.ts';
import { mutateAvro } from './targets-metadata.ts';

const where = 'fuzz.avro';
const folder = new URL('../../src/format/avro-data/fixtures/', import.meta.url);

/** The columns of the fixtures (`fixtures/README.md`), and one that no file has. */
const rowType: RowType = {
  fields: [
    ...sampleRowType.fields.filter(field => fitsAvro({ fields: [field] })),
    { id: 999, name: 'gone', type: { kind: 'int', nullable: true }, description: undefined, defaultValue: undefined },
  ],
};

async function readAll(input: Uint8Array): Promise<unknown> {
  const file = await openAvroData(bytesSource(input), where);
  let rowCount = 0;
  for await (const rows of file.read({ fields: rowType.fields, batchRowsMax: 100 })) {
    holds(rows.rowCount > 0 && rows.rowCount <= 100, 'batches are neither empty nor too large');
    const print = canonicalRow(rows);
    for (let row = 0; row < rows.rowCount; row += 1) print(row);
    rowCount += rows.rowCount;
  }
  holds(rowCount === file.rowCount, `${rowCount} rows came, the file says ${file.rowCount}`);
  return rowCount;
}

export const avroTargets: readonly Target[] = [
  {
    name: 'avro-data',
    decoders: [],
    corpus: () =>
      readdirSync(folder)
        .filter(name => name.endsWith('.avro'))
        .map(name => readFileSync(new URL(name, folder))),
    mutate: mutateAvro,
    decode: readAll,
  },
];
