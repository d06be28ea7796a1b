/**
 * Each function at each kind of work it has, small: together they need every right that is granted. A scenario throws when a
 * function fails or does not do what it should.
 */
import assert from 'node:assert/strict';
import { ingestScenarios } from './ingest-scenarios.ts';
import { ask, largeText, makeTable, produce, rowsOf, type Scenario, textOf } from './scenario-parts.ts';
import { workScenarios } from './work-scenarios.ts';

const query: Scenario = {
  name: 'queries of tables, of what the log has beyond them, and of system tables',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 50);
    await world.lake.ingest();
    await produce(world, 'demo.a', 50, 80);
    const host = await world.start('query');
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a'), /"80"/);
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a$snapshots'), /"1"/);
    assert.match(await ask(host, 'SHOW TABLES IN demo'), /"a"/);
    await world.put('tidelake/cost/2026-01-01/one.json', '{"version":1,"writers":["one"],"entries":[]}');
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a$cost'), /"rows"/);
  },
};

const catalog: Scenario = {
  name: 'the catalog tells of tables and takes rows, also such as are too large for a record',
  async run(world) {
    await makeTable(world, 'demo.a');
    const host = await world.start('catalog');
    const get = (path: string): Promise<string> => textOf(host, { method: 'GET', path });
    const post = (origin: string): Promise<string> => {
      const change = { op: '+I', row: { id: '1', origin, delay: 1 } };
      return textOf(host, { method: 'POST', path: '/v1/tables/demo.a/rows', body: [change] });
    };
    assert.match(await get('/v1/databases'), /"demo"/);
    assert.match(await get('/v1/databases/demo/tables'), /"demo\.a"/);
    assert.match(await post('O1'), /"rows":1/);
    assert.match(await post(largeText()), /"rows":1/);
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    await world.lake.ingest();
    assert.match(await get('/v1/tables/demo.a'), /"latestSnapshot":\{"id":1/);
    assert.match(await get('/v1/tables/demo.a/snapshots'), /"snapshots":\[\{"id":1/);
    await (await world.lake.table('demo.a')).producer('meter');
    assert.match(await get('/v1/tables/demo.a/producers/meter'), /"opened":1,.*"lastNumber":null/);
    // What is in the table, and what only the log has yet.
    assert.match(await post(largeText()), /"rows":1/);
    const events = await textOf(host, {
      method: 'GET',
      path: '/v1/tables/demo.a/changes',
      query: 'from=full&seconds=3',
    });
    assert.deepEqual(events.match(/"phase":"\w+"/g), ['"phase":"snapshot"', '"phase":"log"']);
  },
};

/** Rows of one table: one, and one that cannot be compressed and is too large for a record. */
function lines(): string {
  const rows = ['O1', largeText()].map((origin, id) => ({
    id: String(id),
    origin,
    delay: 1,
  }));
  return rows.map(row => `${JSON.stringify({ op: '+I', row })}\n`).join('');
}

const producer: Scenario = {
  name: 'a producer that is no function appends by the command line',
  async run(world) {
    await makeTable(world, 'demo.a');
    await world.command('ProducerRole', ['write', 'demo.a', '--in', '-', '--via-log'], lines());
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    await world.lake.ingest();
    assert.equal(await rowsOf(world, 'demo.a'), 2);
  },
};

const reader: Scenario = {
  name: 'a reader that is no function asks by the command line',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 50);
    await world.lake.ingest();
    await using writer = (await world.lake.table('demo.a')).writer();
    await writer.upsert({ id: 1_000, origin: largeText(), delay: 1 });
    assert.match(await world.command('ReaderRole', ['scan', 'demo.a', '--union', '--count']), /^51$/m);
  },
};

export const scenarios: readonly Scenario[] = [...ingestScenarios, ...workScenarios, query, catalog, producer, reader];
