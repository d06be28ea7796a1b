// The plan of the house, as data. A change of it is a decision with its reasons, not a way to make this test pass.
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, packageOf, readSource, repositoryRoot, type SourceFile, sourceOf } from './source-text.ts';

/** Which rooms a room may import: data goes along, imports go down. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  base: [],
  bytes: ['base'],
  types: ['base', 'bytes'],
  storage: ['base', 'bytes'],
  // What runs in browsers.
  client: ['base'],
  metering: ['base', 'storage'],
  format: ['base', 'bytes', 'types'],
  lsm: ['base', 'bytes', 'types', 'format'],
  table: ['base', 'bytes', 'types', 'format', 'lsm', 'storage'],
  catalog: ['base', 'bytes', 'types', 'format', 'lsm', 'storage', 'metering', 'table'],
  maintenance: ['base', 'bytes', 'types', 'format', 'lsm', 'storage', 'metering', 'table', 'catalog'],
  flow: ['base', 'bytes', 'types', 'format', 'lsm', 'storage', 'table', 'catalog'],
  sql: ['base', 'bytes', 'types', 'format', 'storage', 'table', 'catalog', 'flow'],
  service: [
    'base',
    'bytes',
    'types',
    'format',
    'lsm',
    'storage',
    'metering',
    'table',
    'catalog',
    'maintenance',
    'flow',
    'sql',
  ],
  cli: ['base', 'service'],
  functions: ['base', 'service'],
  'src/index.ts': ['base', 'types', 'storage', 'catalog', 'flow', 'sql', 'service'],
};

/** The one door of each package: a path that begins so (a folder ends in `/`), or a pattern. */
const doors: Readonly<Record<string, string | RegExp>> = {
  'apache-arrow': 'src/types/arrow.ts',
  'parquet-wasm': /^src\/format\/parquet\/[\w-]+-door\.ts$/,
  hyparquet: /^src\/format\/parquet\/[\w-]+-door\.ts$/,
  avsc: 'src/format/avro-types.ts',
  '@aws-sdk/client-s3': 'src/storage/s3/',
  '@aws-sdk/client-kinesis': 'src/storage/kinesis/',
  '@platformatic/kafka': 'src/storage/kafka/',
  '@smithy/node-http-handler': 'src/storage/',
  '@duckdb/node-api': 'src/sql/duckdb.ts',
  zod: 'src/service/',
  hono: 'src/service/',
  '@aws-lambda-powertools/logger': 'src/service/functions/',
  '@aws-lambda-powertools/metrics': 'src/service/functions/',
  '@aws-lambda-powertools/tracer': 'src/service/functions/',
  commander: 'src/cli/',
  'cli-progress': 'src/cli/',
  vitest: /\.conformance\.ts$/,
  'fast-check': /\.arbitrary\.ts$/,
};

const fileLinesMax = 400;
const filesSeenMin = 30;

const ourFolders = ['src', 'functions', 'scripts', 'bench', 'spec', 'test', 'infra'];
const files: readonly SourceFile[] = ourFolders
  .filter(folder => existsSync(join(repositoryRoot, folder)))
  .flatMap(folder => filesBelow(folder))
  .filter(path => /\.(ts|mjs|java)$/.test(path))
  .map(readSource);
const shipped = files.filter(({ path }) => /^(src|functions)\//.test(path));
const notTests = shipped.filter(({ path }) => !path.endsWith('.test.ts'));

/** Where a file lives: its room, or its own path when it stands at the top of src. */
function roomOf(path: string): string {
  const [top, room, rest] = path.split('/');
  if (top === 'functions') return 'functions';
  return rest === undefined ? path : (room ?? path);
}

/** `path:line: the line` for each place where the pattern is in the code. */
function places(inFiles: readonly SourceFile[], pattern: RegExp): readonly string[] {
  return inFiles.flatMap(({ path, code, text }) => {
    const lines = text.split('\n');
    return code
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? `${path}:${at + 1}: ${lines[at]?.trim()}` : []));
  });
}

test('the house was seen', () => {
  expect(notTests.length).toBeGreaterThan(filesSeenMin);
  expect(notTests.flatMap(({ imports }) => imports).length).toBeGreaterThan(filesSeenMin);
});

test('the reader of sources sees code and imports, and not what stands in comments and strings', () => {
  const text = [
    "import a from 'http://a'; // import 'x'",
    'export * from "b"; /* any',
    "import 'y' */ const c = `*/x/*`; const d = 'Date.now()';",
    "const e = await import('e'); const f: any = Math.random();",
    'const g = `it came from "nowhere"`;',
  ].join('\n');
  const source = sourceOf('src/lsm/x.ts', text);
  expect(source.imports).toEqual(['http://a', 'b', 'e']);
  expect(places([source], /\bany\b|\bDate\b|\brandom\b|\*\/x/).map(line => line.split(':')[1])).toEqual(['3', '4']);
});

test('every file of src is in a room of the plan', () => {
  expect(
    shipped.map(({ path }) => path).filter(path => rooms[roomOf(path)] === undefined && path !== 'src/index.test.ts'),
  ).toEqual([]);
});

test('every import goes down', () => {
  const upward = notTests.flatMap(({ path, imports }) =>
    imports
      .filter(specifier => specifier.startsWith('.'))
      .map(specifier => posix.join(posix.dirname(path), specifier))
      .filter(target => {
        const [from, to] = [roomOf(path), roomOf(target)];
        return !/^(src|functions)\//.test(target) || (from !== to && rooms[from]?.includes(to) !== true);
      })
      .map(target => `${path} -> ${target}`),
  );
  expect(upward).toEqual([]);
});

test('the inner folders of a room are its own', () => {
  const intruders = notTests.flatMap(({ path, imports }) =>
    imports
      .filter(specifier => specifier.startsWith('.'))
      .map(specifier => posix.join(posix.dirname(path), specifier))
      .filter(target => target.includes('/internal/') && !path.startsWith(target.split('/internal/')[0] ?? ''))
      .map(target => `${path} -> ${target}`),
  );
  expect(intruders).toEqual([]);
});

test('every package comes in through its one door', () => {
  const besides = notTests.flatMap(({ path, imports }) =>
    imports.flatMap(specifier => {
      const name = packageOf(specifier);
      if (name === undefined) return [];
      const door = doors[name];
      const inside = typeof door === 'string' ? path.startsWith(door) : door?.test(path) === true;
      return inside ? [] : `${path} -> ${name}`;
    }),
  );
  expect(besides).toEqual([]);
});

test('relative imports name the file, with its ending', () => {
  const vague = files.flatMap(({ path, imports }) =>
    imports.filter(name => name.startsWith('.') && !/\.(ts|mjs|json)$/.test(name)).map(name => `${path} -> ${name}`),
  );
  expect(vague).toEqual([]);
});

test('no file is longer than the limit', () => {
  const long = files.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  expect(long.filter(({ lines }) => lines > fileLinesMax)).toEqual([]);
});

test('every file says what it is before it begins', () => {
  const opening = /^(#!.*\n)?(\s|import\s[^;]+;|export (type )?(\*|\{[^}]*\}) from [^;]+;)*(\/\*\*?|\/\/)/;
  expect(notTests.filter(({ text }) => !opening.test(text)).map(({ path }) => path)).toEqual([]);
});

test('types are never given up: no any, no switched-off check', () => {
  expect(places(shipped, /:\s*any\b|\bas any\b|<any\b|\bany\[\]|,\s*any>/)).toEqual([]);
  const off = new RegExp(['@ts-', 'ignore|@ts-', 'expect-error|@ts-', 'nocheck|biome-', 'ignore'].join(''));
  expect(files.filter(({ text }) => off.test(text)).map(({ path }) => path)).toEqual([]);
});

test('privacy is #private; no enum, namespace or parameter property', () => {
  expect(places(shipped, /^\s*(?:private|protected)\s+[\w#]|\(\s*(?:private|protected|public)\s+\w/)).toEqual([]);
  expect(places(shipped, /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/)).toEqual([]);
});

test('only base touches the real clock and real chance', () => {
  const outside = notTests.filter(({ path }) => !path.startsWith('src/base/'));
  const real =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\.now\b|\bhrtime\b/;
  expect(places(outside, real)).toEqual([]);
});

test('only the settings read the environment', () => {
  const outside = notTests.filter(({ path }) => path !== 'src/service/settings.ts');
  expect(places(outside, /\bprocess\.env\b/)).toEqual([]);
});

test('what is shipped calls nothing that Node 22 does not have', () => {
  const newer =
    /\b(?:RegExp\.escape|Promise\.try|Error\.isError|Math\.f16round|Atomics\.pause|(?:Async)?DisposableStack|SuppressedError|Float16Array|[gs]etFloat16|URLPattern|mkdtempDisposable(?:Sync)?|randomUUIDv7)\b/;
  expect(places(notTests, newer)).toEqual([]);
});

test('only tests, conformance suites and what runs tests with mutants import vitest', () => {
  const others = files.filter(
    ({ path, imports }) =>
      imports.includes('vitest') && !/\.(test|conformance)\.ts$|^scripts\/mutate\/worker\.ts$/.test(path),
  );
  expect(others.map(({ path }) => path)).toEqual([]);
});

test('no test is skipped, focused or left to do', () => {
  const tests = files.filter(({ path }) => /\.(test|conformance)\.ts$/.test(path));
  expect(places(tests, /\b(?:test|it|describe)\.(?:skip|only|todo|skipIf|runIf)\b/)).toEqual([]);
});

test('a note of work left over names its issue', () => {
  const note = new RegExp(`\\b(?:${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b(?!\\(#\\d+\\))`);
  expect(files.filter(({ text }) => note.test(text)).map(({ path }) => path)).toEqual([]);
});

test('nothing points outside the repository', () => {
  const outside = new RegExp(`${['\\.\\.', 'shared'].join('/')}\\b|${['', 'work', ''].join('/')}(?=[a-z])`);
  const texts = filesBelow('').filter(path => !path.startsWith('test/golden/tables/') && path !== 'package-lock.json');
  expect(texts.length).toBeGreaterThan(filesSeenMin);
  expect(texts.filter(path => outside.test(readFileSync(join(repositoryRoot, path), 'utf8')))).toEqual([]);
});

test('every dependency has its reason in docs/DEPENDENCIES.md', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const reasons = readFileSync(join(repositoryRoot, 'docs/DEPENDENCIES.md'), 'utf8');
  const names = ['dependencies', 'devDependencies'].flatMap(key => Object.keys(Object(Object(manifest)[key])));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter(name => !reasons.includes(`| \`${name}\` |`))).toEqual([]);
});
