import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openObjectStore } from '../storage/open-object-store.ts';
import { type GoldenReadRequest, readGolden } from './golden-read.ts';
import { type GoldenVerdict, printSummary, printVerdict, summarizeGolden } from './golden-verdict.ts';

const golden = fileURLToPath(new URL('../../test/golden/tables', import.meta.url));
const parts: { readonly clock: Clock; readonly random: ReturnType<typeof seededRandom> } = {
  clock: systemClock,
  random: seededRandom(1),
};

async function read(request: GoldenReadRequest): Promise<readonly GoldenVerdict[]> {
  const verdicts: GoldenVerdict[] = [];
  for await (const verdict of readGolden(request, parts)) verdicts.push(verdict);
  return verdicts;
}

/** A copy of golden tables in memory, to be spoilt. */
async function copyOf(address: string, tables: readonly string[]): Promise<ObjectStore> {
  const from = await openObjectStore(golden, { local: { access: 'read' } }, parts);
  const to = await openObjectStore(address, {}, parts);
  for (const table of tables) {
    for (const prefix of [`warehouse/db.db/${table}/`, `expected/${table}/`]) {
      for await (const page of from.list(prefix)) {
        for (const { key } of page.objects) await to.put(key, (await from.get(key))?.bytes ?? new Uint8Array());
      }
    }
  }
  return to;
}

test('a table passes, or is refused with the name of its feature', async () => {
  const store = await copyOf('memory:golden-refused', ['tags', 'branches', 'pk_samekey', 'empty_table']);
  const schema = 'warehouse/db.db/pk_samekey/schema/schema-0';
  const json = Buffer.from((await store.get(schema))?.bytes ?? []).toString();
  await store.put(schema, Buffer.from(json.replace('"options" : {', '"options" : {"chain-table.enabled": "true",')));
  const verdicts = await read({ root: 'memory:golden-refused' });
  expect(verdicts.map(({ table, status }) => `${table} ${status}`)).toEqual([
    'branches passed',
    'empty_table passed',
    'pk_samekey refused',
    'tags passed',
  ]);
  expect(verdicts.map(printVerdict).filter(line => line !== undefined)).toEqual([
    'refused pk_samekey: reading db.pk_samekey: chain-table.enabled is not supported by Tidelake',
  ]);
  expect(printSummary(summarizeGolden(verdicts))).toBe('3 passed, 0 failed, 1 refused');
});

test('what differs is told with the state and the first row', async () => {
  const store = await copyOf('memory:golden-differs', ['pk_samekey', 'tags', 'branches']);
  const spoil = async (key: string, text: string): Promise<void> => {
    await store.put(key, new TextEncoder().encode(text));
  };
  await spoil('expected/pk_samekey/snapshot-1.jsonl', '{"id":1,"v":"other"}\n');
  await spoil('expected/tags/tag-t2-with.dots.jsonl', '');
  await spoil('expected/branches/branch-b1/changes-1.jsonl', '+I {}\n');
  const verdicts = await read({ root: 'memory:golden-differs' });
  expect(verdicts.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
  const details = new Map(verdicts.map(({ table, detail }) => [table, detail]));
  expect(details.get('pk_samekey')).toMatch(
    /^snapshot 1: 2 rows instead of 1, first difference at 1: \{.+ instead of \{/,
  );
  expect(details.get('tags')).toMatch(/^tag t2-with\.dots: \d+ rows instead of 0, .+ instead of nothing$/);
  expect(details.get('branches')).toMatch(/^branch b1, changes 1: /);
});

test('a broken table fails by itself and hides nothing of the others', async () => {
  const store = await copyOf('memory:golden-broken', ['pk_samekey', 'comp_none']);
  await store.put('warehouse/db.db/comp_none/snapshot/snapshot-1', new TextEncoder().encode('{'));
  const verdicts = await read({ root: 'memory:golden-broken' });
  expect(verdicts.map(({ table, status }) => `${table} ${status}`)).toEqual(['comp_none failed', 'pk_samekey passed']);
  expect(verdicts[0]?.detail).toContain('LAKE_CORRUPT_SNAPSHOT');
});

test('what is no golden root, and a table it does not have, is said in one line', async () => {
  await expect(read({ root: fileURLToPath(new URL('.', import.meta.url)) })).rejects.toMatchObject({
    code: 'LAKE_GOLDEN_NOT_FOUND',
  });
  await expect(read({ root: golden, tables: ['tags', 'nothing'] })).rejects.toThrow(/has no table nothing/);
  await expect(read({ root: '/no/such/folder' })).rejects.toMatchObject({ code: 'LAKE_STORE_NOT_FOUND' });
});
