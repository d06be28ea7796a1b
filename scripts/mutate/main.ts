/**
 * Mutation testing: changes the program in thousands of small ways and asks of each whether a test notices.
 *
 *   npm run mutate -- [--area NAME] [--files PART] [--since REV] [--sample N --seed S] [--workers N] [--settings FILE] [--accepted]
 *
 * Mutants of the sources in settings.json (find-mutants.ts, operators.ts) are all put into the program at once
 * (schemata.ts); worker processes (worker.ts) load it with the tests and switch them on one at a time (try-mutants.ts).
 * Of survivors those in survivors.json are known, each with its reason (accepted.ts), and are not tried again unless
 * `--accepted` asks for it. The exit code is 1 when another mutant survives or an area falls below the share asked for.
 * What is found is also kept in `.cache/mutate/results.json`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keyOf, readAccepted } from './accepted.ts';
import { findMutants, type Mutant } from './find-mutants.ts';
import type { WorkerTask } from './protocol.ts';
import { reportOf } from './report.ts';
import { withMutants } from './schemata.ts';
import { selectMutants } from './select-mutants.ts';
import { readSettings, type Settings, sourceFiles, testFiles } from './settings.ts';
import { cover, type Result, tryMutants } from './try-mutants.ts';

const { values: options } = parseArgs({
  options: {
    area: { type: 'string' },
    files: { type: 'string' },
    since: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    settings: { type: 'string', default: fileURLToPath(new URL('./settings.json', import.meta.url)) },
    accepted: { type: 'boolean', default: false },
  },
});
const settings = readSettings(resolve(options.settings));
const cacheFolder = join(settings.root, '.cache', 'mutate');
mkdirSync(cacheFolder, { recursive: true });
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  const startMs = performance.now();
  const sources = sourceFiles(settings);
  const areaOf = new Map(sources.map(({ file, area }) => [file, area]));
  const accepted = readAccepted(join(settings.root, settings.survivors));
  const all = sources.flatMap(({ file }, index) => mutantsOf(file, settings, (index + 1) * 100_000));
  const chosen = selectMutants(
    all.filter(({ file }) => options.area === undefined || areaOf.get(file) === options.area),
    {
      files: options.files,
      since: options.since,
      sample: options.sample === undefined ? undefined : Number(options.sample),
      seed: Number(options.seed),
    },
    settings.root,
  );
  const known = options.accepted ? [] : chosen.filter(mutant => accepted.has(keyOf(mutant)));
  const tried = chosen.filter(mutant => !known.includes(mutant));
  console.log(`mutants ${all.length}, chosen ${chosen.length}, seed ${options.seed}`);
  const results: Result[] = known.map(mutant => ({ mutant, status: 'survived', by: '' }));
  for (const [area, ofArea] of Map.groupBy(tried, ({ file }) => areaOf.get(file) ?? '')) {
    results.push(...(await tryAll(area, ofArea)));
  }
  const gone = [...accepted.keys()].filter(key => !all.some(mutant => keyOf(mutant) === key));
  for (const key of gone) console.log(`listed as a survivor, but there is no such mutant: ${key}`);
  const { lines, passed } = reportOf(results, sources, accepted, settings.killedPercentMin);
  writeFileSync(join(cacheFolder, 'results.json'), JSON.stringify(results, undefined, 1));
  console.log(lines.join('\n'));
  console.log(`after ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  return passed && gone.length === 0;
}

function mutantsOf(file: string, { root, messages }: Settings, firstId: number): readonly Mutant[] {
  return findMutants(file, readFileSync(join(root, file), 'utf8'), messages, firstId);
}

async function tryAll(area: string, mutants: readonly Mutant[]): Promise<readonly Result[]> {
  const { root, testMsMax, mutantSlackMs: slackMs } = settings;
  const sources = Object.fromEntries(
    [...Map.groupBy(mutants, ({ file }) => file)].map(([file, ofFile]) => [
      file,
      withMutants(readFileSync(join(root, file), 'utf8'), ofFile),
    ]),
  );
  const task: WorkerTask = { root, testFiles: testFiles(settings, area), sources };
  const taskFile = join(cacheFolder, `task-${process.pid}.json`);
  writeFileSync(taskFile, JSON.stringify(task));
  const workerCount = Number(options.workers);
  const coverage = await cover(taskFile, workerCount, testMsMax);
  console.log(`${area}: mutants ${mutants.length}, tests ${coverage.tests.length}, used ${coverage.ms.size}`);
  let count = 0;
  const results = await tryMutants(taskFile, mutants, coverage, {
    workerCount,
    slackMs,
    onResult: () => {
      count += 1;
      if (count % 100 === 0) console.log(`… ${count} of ${mutants.length}`);
    },
  });
  rmSync(taskFile);
  return results;
}
