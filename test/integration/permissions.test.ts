// Each function as it is deployed, with the rights of its role in the real template and no others: nothing it does is denied.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../scripts/cache-folder.ts';
import { type AccessServices, AccessWorld } from '../permissions/access-world.ts';
import { readTemplate } from '../permissions/read-template.ts';
import { scenarios } from '../permissions/scenarios.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startMinio } from '../services/minio.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let services: AccessServices;

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const bundles = mkdtempSync(join(root, '.cache', 'permissions-'));
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundles]);
  const [minio, kinesis] = await Promise.all([startMinio(), startKinesalite()]);
  services = { minio, kinesis, bundles, template: readTemplate('infra/template.yaml') };
});

afterAll(async () => {
  await Promise.all([services?.minio.stop(), services?.kinesis.stop()]);
  rmSync(services?.bundles ?? '', { recursive: true, force: true });
});

test.each(scenarios.map((scenario, index) => ({ ...scenario, index })))('$name', async scenario => {
  await using world = await AccessWorld.open(services, { name: `first-${scenario.index}` });
  await scenario.run(world).finally(() => {
    console.log(scenario.name, [...world.needed], world.denied, world.unknown);
  });
  expect(world.denied).toEqual([]);
  expect(world.unknown).toEqual([]);
});
