import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseScenarios, printScenarios, runScenario } from './scenario.ts';

// LSM_SCENARIOS=write writes the answers anew; read the diff before it is committed.
const isWriting = process.env['LSM_SCENARIOS'] === 'write';
const folder = new URL('./scenarios/', import.meta.url);
const scenarioFiles = readdirSync(folder).filter(name => name.endsWith('.txt'));

test.each(scenarioFiles)('the choices of %s are as reviewed', name => {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const answered = parseScenarios(text).map(scenario => ({ ...scenario, answer: runScenario(scenario) }));
  const printed = printScenarios(answered);
  if (isWriting) writeFileSync(new URL(name, folder), printed);
  else expect(printed).toBe(text);
});

test('every case in which real Paimon was watched agrees with it', () => {
  const cases = scenarioFiles.flatMap(name => parseScenarios(readFileSync(new URL(name, folder), 'utf8')));
  const watched = cases.filter(scenario => scenario.options.has('paimon'));
  expect(watched.length).toBeGreaterThan(20);
  for (const scenario of watched) expect(runScenario(scenario), scenario.comment).toMatch(/as Paimon did$/);
});
