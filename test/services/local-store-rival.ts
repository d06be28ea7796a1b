import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';

/**
 * One of several processes at the same folder: tries to create every object, in an order of its own, then counts up a
 * shared counter by put-if-match. Prints what it was told, as one line of JSON.
 *
 * Arguments: folder, name of this rival, number of objects, number of increments.
 */
const [root = '', rival = '', objectsText = '', incrementsText = ''] = process.argv.slice(2);
await using store = await openLocalObjectStore({ root }, { clock: systemClock, random: systemRandom });

const created: string[] = [];
const torn: string[] = [];
const body = new TextEncoder().encode(rival.repeat(5_000));
const keys = Array.from({ length: Number(objectsText) }, (_, n) => `contest/object-${n}`);
const shift = Math.floor(systemRandom.next() * 3);
for (const key of [...keys.slice(shift), ...keys.slice(0, shift)]) {
  const outcome = await store.putIfAbsent(key, body);
  if (outcome.status === 'created') created.push(key);
  const seen = await store.get(key);
  if (seen?.sizeBytes !== body.byteLength || seen.bytes.some(byte => byte !== seen.bytes[0])) torn.push(key);
}

let increments = 0;
while (increments < Number(incrementsText)) {
  const counter = await store.get('counter');
  if (counter === undefined) throw new Error('the counter is missing');
  const count = Number(Buffer.from(counter.bytes).toString());
  const outcome = await store.putIfMatch('counter', new TextEncoder().encode(String(count + 1)), counter.etag);
  if (outcome.status === 'replaced') increments += 1;
  else await systemClock.sleep(systemRandom.next() * 5);
}
console.log(JSON.stringify({ rival, created, torn, increments }));
