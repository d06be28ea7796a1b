/**
 * Writes what is made from the definitions: the plain CloudFormation template, and what serverless.yml includes.
 *
 *   npm run infra
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  serverlessEnvironment,
  serverlessFunctions,
  serverlessParameters,
  serverlessResources,
} from './definitions/serverless.ts';
import { warehouseTemplate } from './definitions/template.ts';
import { yamlText } from './yaml.ts';

const heading = '# Made from infra/definitions by `npm run infra`; changes belong there.\n';

/** Path from this folder, and text. */
export function generatedFiles(): Readonly<Record<string, string>> {
  const values: Readonly<Record<string, object>> = {
    'template.yaml': warehouseTemplate(),
    'serverless/environment.yml': serverlessEnvironment(),
    'serverless/functions.yml': serverlessFunctions(),
    'serverless/parameters.yml': serverlessParameters(),
    'serverless/resources.yml': serverlessResources(),
  };
  return Object.fromEntries(Object.entries(values).map(([path, value]) => [path, heading + yamlText(value)]));
}

if (import.meta.main) {
  const folder = dirname(fileURLToPath(import.meta.url));
  for (const [path, text] of Object.entries(generatedFiles())) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    console.log(`infra/${path}: ${text.split('\n').length} lines`);
  }
}
