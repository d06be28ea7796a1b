// Whoever is woken by an alarm finds what to do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parameters } from './definitions/parameters.ts';
import { warehouseTemplate } from './definitions/template.ts';

const docs = join(fileURLToPath(new URL('..', import.meta.url)), 'docs');
const template = warehouseTemplate();

function page(name: string): string {
  return readFileSync(join(docs, name), 'utf8');
}

test('every alarm has its section in the operations guide, and every section of an alarm its alarm', () => {
  const alarms = Object.entries(template.Resources).flatMap(([id, { Type }]) =>
    Type === 'AWS::CloudWatch::Alarm' ? [id] : [],
  );
  const sections = [...page('operations.md').matchAll(/^### (.*)$/gm)].map(([, title]) => title);
  expect(sections.toSorted()).toEqual(alarms.toSorted());
});

test('every metric that an alarm or the dashboard looks at is explained', () => {
  const text = JSON.stringify(template.Resources);
  const named = [...text.matchAll(/"MetricName":"(\w+)"|\\"Tidelake\\",\\"(\w+)\\"/g)].map(
    ([, one, other]) => one ?? other ?? '',
  );
  const ours = [...new Set(named)].filter(name => text.includes(`\\"Tidelake\\",\\"${name}\\"`));
  expect(ours.length).toBeGreaterThan(5);
  const guide = page('operations.md');
  expect(ours.filter(name => !guide.includes(`| \`${name}\` |`))).toEqual([]);
});

test('the mapping of a log that tables name has the values of that of the lake’s own', () => {
  const { Properties = {} } = template.Resources['IngestEventSourceMappingKinesisLogStream'] ?? {};
  const own = Object.entries(Properties).flatMap(([name, value]) => {
    // What names a resource is another's; it is switched on unless something else is said.
    if (name === 'Enabled' || (typeof value === 'object' && !Array.isArray(value))) return [];
    return [`    ${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : value}`];
  });
  expect(own.length).toBeGreaterThan(6);
  const lines = page('STREAMS.md').split('\n');
  expect(own.filter(line => !lines.includes(line))).toEqual([]);
});

test('every parameter is in the deployment guide', () => {
  const guide = page('deploy.md');
  const missing = Object.keys(parameters).filter(name => !guide.includes(`\`${name}\``));
  // They are told of together.
  expect(missing.filter(name => !name.endsWith('Concurrency'))).toEqual([]);
  expect(guide).toContain('`IngestConcurrency`');
});

test('links between the pages lead somewhere', () => {
  const pages = ['deploy.md', 'operations.md', 'security-aws.md', 'upgrade.md', 'multi-account.md'];
  const broken = pages.flatMap(name =>
    [...page(name).matchAll(/\]\(([^)#\s]*)(?:#([\w-]+))?\)/g)].flatMap(([link, path = '', anchor]) => {
      if (path.startsWith('http')) return [];
      const text = readTarget(path === '' ? name : path);
      if (text === undefined) return [`${name}: ${link}`];
      const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => anchorOf(title));
      return anchor === undefined || anchors.includes(anchor) ? [] : [`${name}: ${link}`];
    }),
  );
  expect(broken).toEqual([]);
});

function readTarget(path: string): string | undefined {
  try {
    return page(path);
  } catch {
    return undefined;
  }
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}
