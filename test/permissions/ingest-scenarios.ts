/** What ingest and the commit function do, each kind of it small. */
import assert from 'node:assert/strict';
import { SplitShardCommand } from '@aws-sdk/client-kinesis';
import { untilActive } from '../services/kinesis-service.ts';
import { shardIds } from '../services/stream-events.ts';
import {
  append,
  appendChanged,
  ask,
  Delivery,
  largeText,
  longProducer,
  makeTable,
  produce,
  producersOfLargeState,
  rowsOf,
  type Scenario,
  textOf,
} from './scenario-parts.ts';

const ingestAlone: Scenario = {
  name: 'ingest commits by itself, for two tables of one stream',
  async run(world) {
    await makeTable(world, 'demo.a', { 'file-index.bloom-filter.columns': 'origin' });
    await makeTable(world, 'demo.b', { bucket: -1, 'changelog-producer': 'input' });
    await produce(world, 'demo.a', 0, 100);
    await produce(world, 'demo.b', 0, 100);
    const ingest = await world.start('ingest');
    await new Delivery(world, world.logStream).to(ingest);
    assert.deepEqual([await rowsOf(world, 'demo.a'), await rowsOf(world, 'demo.b')], [100, 100]);
  },
};

const claims: Scenario = {
  name: 'ingest and queries take a batch that is too large for a record',
  async run(world) {
    await makeTable(world, 'demo.a');
    await using writer = (await world.lake.table('demo.a')).writer();
    // It cannot be compressed, and a record holds 1 MiB.
    await writer.upsert({ id: 1, origin: largeText(), delay: 1 });
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    assert.match(await ask(await world.start('query'), 'SELECT length(origin) AS n FROM demo.a'), /"1600000"/);
    await new Delivery(world, world.logStream).to(await world.start('ingest'));
    assert.equal(await rowsOf(world, 'demo.a'), 1);
  },
};

const adoption: Scenario = {
  name: 'ingest takes over a column that a row brings',
  async run(world) {
    await makeTable(world, 'demo.a', { 'schema.evolution': 'adopt' });
    const change = { op: '+I', row: { id: '1', origin: 'O1', delay: 1, gate: 'B7' } };
    const request = { method: 'POST', path: '/v1/tables/demo.a/rows', body: [change] };
    assert.match(await textOf(await world.start('catalog'), request), /"rows":1/);
    await new Delivery(world, world.logStream).to(await world.start('ingest'));
    const gates = await (await world.lake.sql('SELECT gate FROM demo.a')).rows();
    assert.deepEqual(gates, [{ gate: 'B7' }]);
  },
};

const badData: Scenario = {
  name: 'ingest keeps what it cannot read and what its table cannot take',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 10);
    await append(world, Buffer.from('nobody can read this'));
    await appendChanged(world, () => ({ schemaId: 99, producerId: 'q', producerNumber: 1 }), 1);
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    await delivery.to(ingest);
    await appendChanged(world, () => ({ schemaId: 98, producerId: 'q', producerNumber: 2 }), 1);
    await delivery.to(ingest);
    const { deadLettered } = await (await world.lake.table('demo.a')).accounting();
    assert.ok(deadLettered > 0n);
  },
};

const manyProducers: Scenario = {
  name: 'ingest keeps a state that is too large for a snapshot',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 1);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    await delivery.to(ingest);
    await produce(world, 'demo.a', 1, 2);
    await delivery.to(ingest);
    assert.equal(await rowsOf(world, 'demo.a'), 2);
  },
};

const resharding: Scenario = {
  name: 'ingest reads the parent of a shard that it is given first',
  async run(world) {
    const { kinesis } = world.services;
    await makeTable(world, 'demo.a', { bucket: 8 });
    await produce(world, 'demo.a', 0, 100);
    const [parent = ''] = await shardIds(kinesis, world.logStream);
    const half = (2n ** 127n).toString();
    const split = { StreamName: world.logStream, ShardToSplit: parent, NewStartingHashKey: half };
    await kinesis.client.send(new SplitShardCommand(split));
    await untilActive(kinesis.client, world.logStream);
    await produce(world, 'demo.a', 100, 200);
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    for (const shardId of await shardIds(kinesis, world.logStream)) {
      if (shardId !== parent) await delivery.to(ingest, shardId);
    }
    assert.equal(await rowsOf(world, 'demo.a'), 200);
  },
};

const byMessages: Scenario = {
  name: 'ingest sends messages, and the commit function commits them',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 10);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    const ingest = await world.start('ingest', { TIDELAKE_COMMIT_LOG: `kinesis://${world.commitStream}` });
    const commit = await world.start('commit', { TIDELAKE_COMMIT_LOG: `kinesis://${world.commitStream}` });
    const [log, commits] = [new Delivery(world, world.logStream), new Delivery(world, world.commitStream)];
    // What begins a shard is committed without a message.
    await log.to(ingest);
    await produce(world, 'demo.a', 10, 50);
    await appendChanged(world, () => ({ schemaId: 99, producerId: 'q', producerNumber: 1 }), 1);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    let running = true;
    let messageCount = 0;
    const ingested = log.to(ingest).finally(() => {
      running = false;
    });
    const committed = async (): Promise<void> => {
      while (running) {
        messageCount += await commits.to(commit);
        // Ingest would wait as long as it may for what cannot come.
        assert.deepEqual(world.denied, []);
      }
    };
    await Promise.all([ingested, committed()]);
    assert.ok(messageCount > 0);
    assert.equal(await rowsOf(world, 'demo.a'), 50);
  },
};

export const ingestScenarios: readonly Scenario[] = [
  ingestAlone,
  claims,
  adoption,
  badData,
  manyProducers,
  resharding,
  byMessages,
];
