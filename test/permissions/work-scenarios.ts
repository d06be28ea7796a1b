/** What compaction and maintenance do, each kind of it small. */
import assert from 'node:assert/strict';
import { t } from '../../src/index.ts';
import { append, figures, makeTable, produce, type Scenario, snapshotEvent } from './scenario-parts.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

const compaction: Scenario = {
  name: 'compaction of keyed tables, with changelogs and with deletion vectors, and of a branch',
  async run(world) {
    const trigger = { 'num-sorted-run.compaction-trigger': 2, 'num-sorted-run.stop-trigger': 2 };
    await makeTable(world, 'demo.a', { ...trigger, 'changelog-producer': 'lookup' });
    await makeTable(world, 'demo.b', { ...trigger, 'deletion-vectors.enabled': 'true' });
    const compact = await world.start('compact');
    for (const name of ['a', 'b']) {
      // First many rows, then few of them again: the many stay where they are, and what is newer is marked.
      for (const [from, to] of [
        [0, 2_000],
        [500, 510],
        [500, 520],
      ] as const) {
        await produce(world, `demo.${name}`, from, to);
        await world.lake.ingest();
        const newest = (await (await world.lake.table(`demo.${name}`)).system('snapshots')).length;
        const done = await compact.invoke(snapshotEvent(world, `demo.db/${name}/snapshot/snapshot-${newest}`));
        assert.deepEqual(figures(done, ['end']), { end: 'done' });
      }
    }
    await (await world.lake.table('demo.a')).branches.create('dev');
    const ofBranch = await compact.invoke(snapshotEvent(world, 'demo.db/a/branch/branch-dev/snapshot/snapshot-3'));
    assert.deepEqual(figures(ofBranch, ['table', 'end']), { table: 'demo.a$branch_dev', end: 'done' });
    const ofAll = await compact.invoke({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
    assert.deepEqual(figures(ofAll, ['leftTables', 'failures']), { leftTables: 0, failures: [] });
  },
};

const sorting: Scenario = {
  name: 'compaction that sorts more than its memory holds',
  async run(world) {
    const table = await world.lake.createTable('demo.sorted', {
      columns: { id: t.bigint(), text: t.string() },
      options: {
        'clustering.incremental': 'true',
        'clustering.columns': 'id',
        'num-sorted-run.compaction-trigger': 2,
      },
    });
    for (let round = 0; round < 2; round += 1) {
      await using writer = table.writer();
      const ids = Array.from({ length: 20_000 }, (_, index) => index * 2 + round);
      await Promise.all(ids.map(id => writer.insert({ id, text: `${id}`.padEnd(400) })));
      await writer.flush();
      await world.lake.ingest();
    }
    const compact = await world.start('compact', { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256' });
    const done = await compact.invoke(snapshotEvent(world, 'demo.db/sorted/snapshot/snapshot-2'));
    assert.deepEqual(figures(done, ['end', 'commits']), { end: 'done', commits: 1 });
    assert.deepEqual(
      (await world.keys('demo.db/sorted/bucket-0/')).filter(key => key.includes('temporary-')),
      [],
    );
  },
};

const maintenance: Scenario = {
  name: 'maintenance of everything that has aged',
  async run(world) {
    const { lake } = world;
    await makeTable(world, 'demo.a', {
      'snapshot.num-retained.min': 1,
      'snapshot.time-retained': '1 min',
      'tag.automatic-creation': 'process-time',
      'tag.creation-period': 'daily',
    });
    for (const from of [0, 50, 100, 150]) {
      await produce(world, 'demo.a', from, from + 100);
      await lake.ingest();
    }
    await append(world, Buffer.from('nobody can read this'));
    await lake.createTable('demo.gone', { columns: { id: t.bigint() }, options: {} });
    await lake.dropTable('demo.gone');
    const aged = {
      'demo.db/a/snapshot/': 2 * hourMs,
      'demo.db/a/bucket-0/orphan': 3 * dayMs,
      'tidelake/claims/': 9 * dayMs,
      'tidelake-log/': hourMs,
    };
    await world.put('demo.db/a/bucket-0/orphan.parquet');
    await world.put('demo.db/gone/manifest/left');
    await world.put('tidelake/claims/claim-1');
    const day = new Date(Date.now() - 10 * dayMs).toISOString().slice(0, 10);
    for (const writer of ['one', 'two']) {
      await world.put(`tidelake/cost/${day}/${writer}.json`, `{"version":1,"writers":["${writer}"],"entries":[]}`);
    }
    for (const [prefix, ms] of Object.entries(aged)) world.age(prefix, ms);
    const maintain = await world.start('maintain');
    const done = await maintain.invoke({ orphans: 'remove' });
    assert.deepEqual(figures(done, ['snapshotsExpired', 'orphansRemoved', 'claimsRemoved', 'givenUp']), {
      snapshotsExpired: 2,
      orphansRemoved: 1,
      claimsRemoved: 1,
      givenUp: [],
    });
  },
};

export const workScenarios: readonly Scenario[] = [compaction, sorting, maintenance];
