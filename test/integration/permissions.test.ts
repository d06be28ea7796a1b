// Each function as it is deployed, with the rights of its role in the real template and no others: nothing it does is denied,
// it has no right that it does not need, and it fails, and says why, when one is taken away.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { runProgram } from '../../scripts/cache-folder.ts';
import {
  type AccessOptions,
  type AccessServices,
  AccessWorld,
  rightLabels,
  roleOf,
} from '../permissions/access-world.ts';
import { readTemplate } from '../permissions/read-template.ts';
import type { Scenario } from '../permissions/scenario-parts.ts';
import { scenarios } from '../permissions/scenarios.ts';
import { quietRights, unseenRights } from '../permissions/unseen-rights.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startMinio } from '../services/minio.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const template = readTemplate('infra/template.yaml');
const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/own';
const withKey = { parameters: { KmsKeyArn: keyArn, Tracing: 'Active' }, keyArn };

const labels = rightLabels(template);
const seen = labels.filter(label => !unseenRights.some(({ matches }) => matches.test(label)));
const labelsWithKey = rightLabels(template, withKey.parameters);
const ofKey = labelsWithKey.filter(label => label.includes(': kms:'));

const printedMsMax = 10_000;

/** Where each right was needed first. */
const neededBy = new Map<string, Scenario>();
let services: AccessServices;

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const bundles = mkdtempSync(join(root, '.cache', 'permissions-'));
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundles]);
  const [minio, kinesis] = await Promise.all([startMinio(), startKinesalite()]);
  services = { minio, kinesis, bundles, template };
});

afterAll(async () => {
  await Promise.all([services?.minio.stop(), services?.kinesis.stop()]);
  rmSync(services?.bundles ?? '', { recursive: true, force: true });
});

test.each(scenarios)('nothing is denied: $name', async scenario => {
  await using world = await AccessWorld.open(services, { name: worldName('allowed', scenario) });
  await scenario.run(world).finally(() => expect(world.denied).toEqual([]));
  expect(world.unknown).toEqual([]);
  for (const label of world.needed) if (!neededBy.has(label)) neededBy.set(label, scenario);
});

test('every right is needed', () => {
  expect(seen.filter(label => !neededBy.has(label))).toEqual([]);
});

test('a right that no request here shows is on the list of those, with its reason, and what is on the list is granted', () => {
  const idle = [...unseenRights, ...quietRights].filter(
    ({ matches }) => !labelsWithKey.some(label => matches.test(label)),
  );
  expect(idle.map(({ matches }) => matches.source)).toEqual([]);
});

test('docs/rights.md tells the rights of every function, and none that it has not', () => {
  const places: Readonly<Record<string, string>> = {
    'the bucket': 'WarehouseBucket',
    'the log': 'LogStream',
    'the commit log': 'CommitStream',
    all: '*',
    'the queue of failed events': 'FailedEvents',
  };
  const rows = [
    ...readFileSync(join(root, 'docs', 'rights.md'), 'utf8').matchAll(/^\| (\w+) \| (\w+:.*?) \| (.*?) \|$/gm),
  ];
  const told = rows.flatMap(([, name = '', actions = '', on = '']) => {
    const where = places[on.replace(', for Lambda', '')];
    const resources = where === undefined ? on.split(', ').map(key => `WarehouseBucket/${key.slice(1, -1)}`) : [where];
    return actions
      .split(', ')
      .flatMap(action => resources.map(resource => `${roleOf(name)}: ${action} on ${resource}`));
  });
  const granted = rightLabels(template)
    .filter(label => !label.includes(': logs:'))
    .map(label => label.replace(/arn:aws:sqs:.*/, 'FailedEvents'));
  expect(told.toSorted()).toEqual(granted.toSorted());
});

test.concurrent.for(seen)('something fails and says why without %s', async (label, { expect }) => {
  await failsWithout({ name: `without-${seen.indexOf(label)}`, without: label }, { expect });
});

test.each(scenarios)('nothing is denied in a folder of the bucket, under a key of one’s own: $name', async scenario => {
  const place = { name: worldName('keyed', scenario), folder: 'lakes/one', ...withKey };
  await using world = await AccessWorld.open(services, place);
  await scenario.run(world).finally(() => expect(world.denied).toEqual([]));
  expect(world.unknown).toEqual([]);
  for (const label of world.needed) if (!neededBy.has(label)) neededBy.set(label, scenario);
});

test('every right that comes with a key of one’s own is needed', () => {
  const unneeded = labelsWithKey.filter(
    label => !neededBy.has(label) && !unseenRights.some(({ matches }) => matches.test(label)),
  );
  expect(unneeded).toEqual([]);
});

test.concurrent.for(ofKey)('something fails and says why without %s', async (label, { expect }) => {
  await failsWithout({ name: `keyless-${ofKey.indexOf(label)}`, without: label, ...withKey }, { expect });
});

/** The error must be the product's own, and say which right it takes. */
async function failsWithout(
  options: AccessOptions & { readonly without: string },
  { expect }: Pick<TestContext, 'expect'>,
): Promise<void> {
  const { without } = options;
  const scenario = neededBy.get(without);
  expect(scenario, 'no scenario needs it').toBeDefined();
  if (scenario === undefined) return;
  await using world = await AccessWorld.open(services, options);
  const failure = await scenario.run(world).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(world.denied.length, 'requests denied').toBeGreaterThan(0);
  if (quietRights.some(({ matches }) => matches.test(without))) return;
  expect(failure, 'what the scenario ended with').toBeInstanceOf(Error);
  const [, action = ''] = /: (\S+) on /.exec(without) ?? [];
  // What a function prints may come after its answer.
  const text = (): string => `${Object(failure).code} ${Object(failure).message} ${world.said}`;
  await expect.poll(text, { timeout: printedMsMax }).toMatch(/LAKE_(STORE|LOG)_DENIED/);
  await expect
    .poll(text, { timeout: printedMsMax })
    .toMatch(new RegExp(`this takes the right [^;]*${action}\\b[^;]*;`));
}

function worldName(kind: string, scenario: Scenario): string {
  return `${kind}-${scenarios.indexOf(scenario)}`;
}
