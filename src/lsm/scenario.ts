/**
 * Text scenarios of this room: what the pickers choose, as text that is reviewed like code. A file of `scenarios/` is a
 * sequence of cases:
 *
 *     # what the case shows
 *     pick trigger=3 levels=4
 *     L0 c size=20 keys=0..9
 *     L3 a size=900 keys=0..99
 *     ----
 *     nothing
 *
 * A line of input is a file: level, name, then `size` in bytes, `keys` smallest..largest, `seq` smallest..largest
 * (else later lines are older), `deletes` a count or `?`, `rows`. Commands are `pick`, `full` (primary-key buckets),
 * `sections`, `append`, `append-full`, `bucketed`, `bucketed-full` (append tables). With `paimon=LEVEL:name,name` the
 * answer says whether real Paimon 1.4.2 changed the same files and to which level (`?`: no row was left; `none`: it did
 * nothing).
 *
 * Text in, text out; only the tests use it.
 */
import { AssertionError, assert, present } from '../base/assert.ts';
import type { DataFileMeta } from '../format/data-file.ts';
import {
  type AppendCompactionSettings,
  pickBucketedAppend,
  pickFullBucketedAppend,
  pickUnawareAppend,
} from './append-picker.ts';
import {
  type CompactionSettings,
  type CompactUnit,
  mayWait,
  pickCompaction,
  pickFullCompaction,
  pickWithin,
} from './compaction-picker.ts';
import { type CompactPlan, intervalPartition, planUnit, type Section } from './compaction-plan.ts';
import { sortedRuns } from './sorted-runs.ts';

export type Scenario = {
  /** Comment lines before the command. */
  readonly comment: string;
  readonly command: string;
  readonly options: ReadonlyMap<string, string>;
  readonly input: readonly string[];
  readonly answer: string;
};

const answerMark = '----';

/** @throws AssertionError when the text is not a sequence of cases */
export function parseScenarios(text: string): Scenario[] {
  return text
    .split(/\n{2,}/)
    .map(block => block.trim())
    .filter(block => block.length > 0)
    .map(parseScenario);
}

function parseScenario(block: string): Scenario {
  const lines = block.split('\n');
  const comment = lines.filter(line => line.startsWith('#'));
  const rest = lines.filter(line => !line.startsWith('#'));
  const mark = rest.indexOf(answerMark);
  assert(mark >= 1, () => `no ${answerMark} in the case:\n${block}`);
  const [command, ...options] = present(rest[0], 'command').split(' ');
  return {
    comment: comment.join('\n'),
    command: present(command, 'command'),
    options: new Map(options.map(pairOf)),
    input: rest.slice(1, mark),
    answer: rest.slice(mark + 1).join('\n'),
  };
}

/** The text `parseScenarios` reads. */
export function printScenarios(scenarios: readonly Scenario[]): string {
  return `${scenarios.map(printScenario).join('\n\n')}\n`;
}

function printScenario({ comment, command, options, input, answer }: Scenario): string {
  const first = [command, ...[...options].map(([key, value]) => `${key}=${value}`)].join(' ');
  return [...(comment === '' ? [] : [comment]), first, ...input, answerMark, answer].join('\n');
}

/** What the pickers say to a case now. */
export function runScenario({ command, options, input }: Scenario): string {
  const files = input.map((line, index) => parseFile(line, input.length - index));
  const settings = settingsOf(options);
  const runs = sortedRuns(files, compareTestKeys);
  switch (command) {
    case 'pick':
      return answerPick(pickCompaction(runs, settings), settings, options);
    case 'pick-patient': {
      const unit = pickCompaction(runs, settings);
      return unit !== undefined && mayWait(unit, runs, settings)
        ? `${unit.reason} may wait`
        : answerPick(unit, settings, options);
    }
    case 'pick-within': {
      const unit = pickCompaction(runs, settings);
      const smaller = unit === undefined ? undefined : pickWithin(unit, runs, settings, Number(options.get('bytes')));
      return answerPick(smaller, settings, options);
    }
    case 'full':
      return answerPick(pickFullCompaction(runs, settings), settings, options);
    case 'runs':
      return runs.map(run => `L${run.level} ${names(run.files)}`).join('\n');
    case 'sections':
      return intervalPartition(files, compareTestKeys).map(sectionText).join('\n');
    case 'append':
      return unitsText(pickUnawareAppend(files, settings, { isFull: false }));
    case 'append-full':
      return unitsText(pickUnawareAppend(files, settings, { isFull: true }));
    case 'bucketed':
      return unitsText([pickBucketedAppend(files, settings)]);
    case 'bucketed-full':
      return unitsText([pickFullBucketedAppend(files, settings)]);
    default:
      throw new AssertionError(`no command ${command}`);
  }
}

function answerPick(
  unit: CompactUnit | undefined,
  settings: CompactionSettings,
  options: ReadonlyMap<string, string>,
): string {
  const plan = unit === undefined ? undefined : planUnit(unit, compareTestKeys, settings);
  const lines = unit === undefined || plan === undefined ? ['nothing'] : planLines(unit, plan);
  const paimon = options.get('paimon');
  if (paimon !== undefined) lines.push(isChange(plan, paimon) ? 'as Paimon did' : `Paimon did ${paimon}`);
  return lines.join('\n');
}

function planLines(unit: CompactUnit, plan: CompactPlan): string[] {
  const rewritten = plan.rewrites.flatMap(rewrite => rewrite.sections.flat(2));
  const kept = unit.files.filter(file => !rewritten.includes(file) && !plan.upgrades.includes(file));
  return [
    `${unit.reason}: L${plan.outputLevel}${plan.dropDeletes ? ', drops deletes' : ''}`,
    ...plan.rewrites.map(rewrite => `rewrite ${rewrite.sections.map(sectionText).join(' ; ')}`),
    ...(plan.upgrades.length > 0 ? [`upgrade ${names(plan.upgrades)}`] : []),
    ...(kept.length > 0 ? [`keep ${names(kept)}`] : []),
  ];
}

/** Whether a plan changes what `paimon=` says: `LEVEL:names`, the level `?` where no row was left, or `none`. */
function isChange(plan: CompactPlan | undefined, change: string): boolean {
  if (plan === undefined) return change === 'none';
  const changed = [...plan.rewrites.flatMap(rewrite => rewrite.sections.flat(2)), ...plan.upgrades];
  const fileNames = changed.map(file => file.fileName).toSorted();
  return ['?', plan.outputLevel].some(level => change === `${level}:${fileNames.join(',')}`);
}

function sectionText(section: Section): string {
  return section.map(names).join(' | ');
}

function names(files: readonly DataFileMeta[]): string {
  return files.map(file => file.fileName).join(' ');
}

function unitsText(units: readonly ({ readonly files: readonly DataFileMeta[] } | undefined)[]): string {
  const lines = units.flatMap(unit => (unit === undefined ? [] : [`rewrite ${names(unit.files)}`]));
  return lines.length > 0 ? lines.join('\n') : 'nothing';
}

function settingsOf(options: ReadonlyMap<string, string>): CompactionSettings & AppendCompactionSettings {
  const number = (key: string): number | undefined => {
    const value = options.get(key);
    return value === undefined ? undefined : Number(value);
  };
  const runCountTrigger = number('trigger') ?? 5;
  return {
    runCountTrigger,
    runCountStop: runCountTrigger + 3,
    levelCount: number('levels') ?? runCountTrigger + 1,
    sizeAmplificationPercentMax: number('amplification') ?? 200,
    sizeRatioPercent: number('ratio') ?? 1,
    optimizationIntervalMs: number('interval'),
    totalBytesThreshold: number('total'),
    incrementalBytesThreshold: number('incremental'),
    sinceFullCompactionMs: number('since') ?? Number.POSITIVE_INFINITY,
    vectored: undefined,
    smallFileRatio: number('small') ?? 0.7,
    fileCountMin: number('files') ?? 5,
    deleteRatioThreshold: 0.2,
    forceUpLevel0: options.get('force-level-0') === 'true',
    forceRewriteAllFiles: options.get('force-rewrite') === 'true',
    targetFileBytes: number('target') ?? 128 * 1024 * 1024,
    openFileBytes: number('open') ?? 0,
  };
}

/** A file from its line; lines without `seq` take their numbers from `age`, higher is newer. */
export function parseFile(line: string, age: number): DataFileMeta {
  const [level, name, ...rest] = line.split(/\s+/);
  const facts = new Map(rest.map(pairOf));
  const [minKey, maxKey] = rangeOf(facts.get('keys') ?? '0..0');
  const [minSequence, maxSequence] = rangeOf(facts.get('seq') ?? `${age * 100}..${age * 100 + 99}`);
  const deletes = facts.get('deletes') ?? '0';
  const noStats = { minValues: new Uint8Array(0), maxValues: new Uint8Array(0), nullCounts: [] };
  return {
    fileName: present(name, 'file name'),
    fileSize: Number(facts.get('size') ?? '1'),
    rowCount: Number(facts.get('rows') ?? '1'),
    minKey: testKey(minKey),
    maxKey: testKey(maxKey),
    keyStats: noStats,
    valueStats: noStats,
    minSequenceNumber: BigInt(minSequence),
    maxSequenceNumber: BigInt(maxSequence),
    schemaId: 0,
    level: Number(present(level, 'level').slice(1)),
    extraFiles: [],
    creationTimeMs: undefined,
    deleteRowCount: deletes === '?' ? undefined : Number(deletes),
    embeddedIndex: undefined,
    fileSource: undefined,
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
}

function pairOf(text: string): [string, string] {
  const [key, value] = text.split('=');
  return [present(key, 'option'), present(value, `value of ${text}`)];
}

function rangeOf(text: string): readonly [number, number] {
  const [low, high] = text.split('..').map(Number);
  return [present(low, 'range'), present(high, 'range')];
}

/** Scenario keys are numbers; they stand for serialized keys. */
function testKey(key: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, key);
  return bytes;
}

/** The order of scenario keys. */
export function compareTestKeys(a: Uint8Array, b: Uint8Array): number {
  return readTestKey(a) - readTestKey(b);
}

/** The number a scenario key stands for. */
export function readTestKey(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
}
