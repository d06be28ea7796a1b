/**
 * What the product asks of the object store for each of its errands, held to a reviewed text: five per cent more of anything
 * fails, and less asks for the text to be written anew (`REQUESTS=write`; read the diff before it is committed).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { measureErrands } from './errands.ts';

const isWriting = process.env['REQUESTS'] === 'write';
const file = new URL('./requests.txt', import.meta.url);
const head = '# Requests and bytes of each errand, on the store in memory. Written by requests.test.ts; see there.\n';

/** How much more or less than what is written is no news. */
const tolerance = 0.05;

type Figures = Readonly<Record<string, number>>;

function print(errands: ReadonlyMap<string, Figures>): string {
  const lines = [...errands].map(([name, figures]) => {
    const texts = Object.entries(figures).flatMap(([figure, value]) => (value === 0 ? [] : [`${figure} ${value}`]));
    return `${name}\n  ${texts.length === 0 ? 'nothing' : texts.join(', ')}\n`;
  });
  return head + lines.join('');
}

function parse(text: string): ReadonlyMap<string, Figures> {
  const blocks = text
    .slice(head.length)
    .split(/\n(?! )/)
    .filter(block => block !== '');
  return new Map(
    blocks.map(block => {
      const [name = '', line = ''] = block.split('\n');
      const pairs = line.trim() === 'nothing' ? [] : line.trim().split(', ');
      return [
        name,
        Object.fromEntries(pairs.map(pair => pair.split(' ')).map(([figure = '', value]) => [figure, Number(value)])),
      ];
    }),
  );
}

/** What is said of a figure that is not as it was; undefined: it is. */
function verdict(figure: string, before: number, now: number): string | undefined {
  if (now > before * (1 + tolerance)) return `${figure}: ${now}, where ${before} were enough`;
  if (now < before * (1 - tolerance)) return `${figure}: ${now} are enough now, not ${before}: write the text anew`;
  return undefined;
}

test('no errand asks for more than it did', async () => {
  const now = await measureErrands();
  if (isWriting) writeFileSync(file, print(now));
  const before = parse(readFileSync(file, 'utf8'));
  expect([...now.keys()]).toEqual([...before.keys()]);
  const news = [...now].flatMap(([name, figures]) => {
    const names = new Set([...Object.keys(figures), ...Object.keys(before.get(name) ?? {})]);
    return [...names].flatMap(figure => {
      const said = verdict(figure, before.get(name)?.[figure] ?? 0, figures[figure] ?? 0);
      return said === undefined ? [] : [`${name}: ${said}`];
    });
  });
  expect(news).toEqual([]);
});

test('five per cent more is news, and so is five per cent less', () => {
  expect(verdict('put', 5, 5)).toBeUndefined();
  expect(verdict('bytesWritten', 1_000, 1_050)).toBeUndefined();
  expect(verdict('bytesWritten', 1_000, 1_051)).toMatch(/were enough/);
  expect(verdict('put', 5, 6)).toMatch(/were enough/);
  expect(verdict('list', 0, 1)).toMatch(/were enough/);
  expect(verdict('get', 2, 1)).toMatch(/write the text anew/);
  expect(
    parse(
      print(
        new Map([
          ['a', { put: 3, get: 0 }],
          ['b', {}],
        ]),
      ),
    ),
  ).toEqual(
    new Map([
      ['a', { put: 3 }],
      ['b', {}],
    ]),
  );
});
