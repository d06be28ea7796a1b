import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Outcome, outcomeOf } from './target.ts';
import { targets } from './targets.ts';

const sources = new URL('../../src/', import.meta.url);

/** Exported functions that are named as decoders and are no target, with the reason. */
const reasons: Readonly<Record<string, string>> = {
  parseScenarios: 'test data of our own',
  parseFile: 'test data of our own',
  readTestKey: 'test data of our own',
  readAll: 'test',
  readToEnd: 'test',
  readGolden: 'test',
  readTries: 'test',
  readInt128: 'words of a column in memory',
  parseDate: 'through canonical-lines and where',
  parseTimeNanos: 'through canonical-lines and where',
  parseTimestamp: 'through canonical-lines and where',
  parseDecimal: 'through canonical-lines and where',
  parseJavaDouble: 'casts of columns, with their own tests against Java',
  parseWholePart: 'casts of columns, with their own tests against Java',
  parseBoolean: 'casts of columns, with their own tests against Java',
  readSystemTable: 'reads through decoders that are targets',
  readRowTable: 'reads through decoders that are targets',
  readNewest: 'reads with a reader that it is given',
  readDeadLetterRows: 'reads through decoders that are targets',
  readLedger: 'reads through decodeLedger',
  readDay: 'reads through decodeLedger',
  readCatalogTable: 'reads through decoders that are targets',
  readWithKinds: 'reads through decoders that are targets',
  readTrackedRows: 'reads through decoders that are targets',
  readOptimizedLevel: 'a decision',
  readOwed: 'reads through decoders that are targets',
  readOrigins: 'reads through decodeRowOrigins',
  readCheckpoints: 'reads through decoders that are targets',
  readLogObject: 'reads through decodeLogObject',
  readShard: 'reads through decoders that are targets',
  readBytes: 'a file',
  readBody: 'the body of an answer of S3, as it comes',
  readKinesisShard: 'answers of a service',
  readPartition: 'answers of a service, taken apart by its client',
  readPins: 'reads through decoders that are targets',
  readChangelog: 'reads through decodeSnapshot',
  readChain: 'reads through decoders that are targets',
  readStateOf: 'reads through decoders that are targets',
  readManifestList: 'reads through decoders that are targets',
  readManifest: 'reads through decoders that are targets',
  readSummary: 'reads through decoders that are targets',
  readEntries: 'reads through decoders that are targets',
  readPlan: 'reads through decoders that are targets',
  readSplit: 'reads through decoders that are targets',
  readSection: 'reads through decoders that are targets',
  readRun: 'reads through decoders that are targets',
  readRows: 'reads through decoders that are targets',
  readKeyValues: 'reads through decoders that are targets',
  readDeletionVector: 'reads through decoders that are targets',
  readIndexFile: 'a file',
  readStatistics: 'reads through decoders that are targets',
  readChanges: 'reads through decoders that are targets',
  readRange: 'reads through decoders that are targets',
  readAddedRows: 'reads through decoders that are targets',
  readFault: 'a decision',
  readAsGroup: 'reads through decoders that are targets',
  readHistory: 'reads through decoders that are targets',
  readUnit: 'reads through decoders that are targets',
};

function decoders(): readonly string[] {
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .flatMap(path => [
      ...readFileSync(new URL(path, sources), 'utf8').matchAll(
        /^export (?:async )?function\*? ((?:decode|parse|read)[A-Z]\w*)/gm,
      ),
    ])
    .map(([, name = '']) => name);
}

test('every decoder of the product is fuzzed, or there is a reason why not', () => {
  const found = new Set(decoders());
  const fuzzed = new Set(targets.flatMap(target => target.decoders));
  expect(found.size).toBeGreaterThan(50);
  expect([...found].filter(name => !fuzzed.has(name) && reasons[name] === undefined)).toEqual([]);
  expect([...fuzzed].filter(name => !found.has(name))).toEqual([]);
});

test('no two targets have one name', () => {
  expect(new Set(targets.map(({ name }) => name)).size).toBe(targets.length);
});

test.each(targets)('$name: inputs as they were written have right outcomes, most of them values', async target => {
  const corpus = target.corpus();
  expect(corpus.length).toBeGreaterThan(0);
  const outcomes: Outcome[] = [];
  // One by one: what memory each takes is measured.
  for (const input of corpus) outcomes.push(await outcomeOf(target, Uint8Array.from(input)));
  expect(outcomes.filter(({ kind }) => kind === 'failure')).toEqual([]);
  expect(outcomes.filter(({ kind }) => kind === 'value').length * 2).toBeGreaterThanOrEqual(corpus.length);
});
