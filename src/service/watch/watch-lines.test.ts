/** A watch as lines. */
import { expect, test } from 'vitest';
import { t } from '../column-types.ts';
import { Lake } from '../lake.ts';
import { openLakeParts } from '../lake-parts.ts';
import { watchLines } from './watch-lines.ts';

test('rows, what changed, and a place after each that a later watch goes on from', async () => {
  const parts = await openLakeParts({ warehouse: 'memory:watch-lines' });
  await using lake = new Lake(parts);
  const table = await lake.createTable('d.t', {
    columns: { k: t.int(), v: t.int() },
    primaryKey: ['k'],
    options: { bucket: '1' },
  });
  const change = async (v: number | undefined): Promise<void> => {
    await using writer = table.writer();
    await (v === undefined ? writer.delete({ k: 1 }) : writer.upsert({ k: 1, v }));
  };
  await change(1);
  const places: string[] = [];
  /** Until a line that begins so is followed by a place. */
  const printed = async (watched: string, until: string, resume?: string): Promise<string> => {
    let text = '';
    for await (const piece of watchLines(parts, watched, { resume })) {
      text += piece;
      if (text.includes(until) && piece.startsWith('=')) break;
    }
    return text.replace(/"resume":"([^"]+)"/g, (_, place: string) => {
      places.push(place);
      return '…';
    });
  };
  expect(await printed('d.t', '+')).toBe('+ {"k":1,"v":1}\n= {"kind":"full",…}\n');
  await change(2);
  const delta = '= {"kind":"delta",…}\n';
  expect((await printed('d.t', '+', places.at(-1))).replaceAll(delta, '')).toBe('+ {"k":1,"v":2}\n');
  await change(undefined);
  expect((await printed('d.t', '-', places.at(-1))).replaceAll(delta, '')).toBe('- {"k":1}\n');
  await change(5);
  let once = '';
  for await (const piece of watchLines(parts, 'SELECT sum(v) AS s FROM d.t', { batchCountMax: 1 })) once += piece;
  expect(once).toMatch(/^\+ \{"s":"5"\}\n= \{"kind":"full","resume":"a\.[^"]+"\}\n$/);
  const refused = watchLines(parts, 'SELECT v FROM d.t', { where: 'k = 1' });
  await expect(refused.next()).rejects.toMatchObject({ code: 'LAKE_BAD_WATCH' });
});
