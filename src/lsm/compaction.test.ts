import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataFileMeta } from '../format/data-file.ts';
import { type CompactionSettings, pickCompaction, pickFullCompaction } from './compaction-picker.ts';
import { type CompactPlan, intervalPartition, planUnit } from './compaction-plan.ts';
import { compareTestKeys, parseFile, readTestKey } from './scenario.ts';
import { sortedRuns } from './sorted-runs.ts';

/** A row of the model: its key is its place in the map. */
type ModelRow = { readonly sequence: number; readonly isDelete: boolean };
type ModelFile = { readonly meta: DataFileMeta; readonly rows: ReadonlyMap<number, ModelRow> };

/** A bucket whose files are maps: what picking and planning do to it can be seen without bytes. */
class ModelBucket {
  files: readonly ModelFile[] = [];
  #written = 0;

  add(level: number, rows: ReadonlyMap<number, ModelRow>): ModelFile {
    const keys = [...rows.keys()].toSorted((a, b) => a - b);
    const sequences = [...rows.values()].map(row => row.sequence);
    const deletes = [...rows.values()].filter(row => row.isDelete).length;
    this.#written += 1;
    const meta = parseFile(
      `L${level} f${this.#written} size=${rows.size * 10} rows=${rows.size} keys=${keys[0]}..${keys.at(-1)} ` +
        `seq=${Math.min(...sequences)}..${Math.max(...sequences)} deletes=${deletes}`,
      0,
    );
    const file = { meta, rows };
    this.files = [...this.files, file];
    return file;
  }

  /** What a reader sees: the newest row of each key, unless it is a delete. */
  visible(): Map<number, number> {
    const newest = newestRows(this.files);
    return new Map([...newest].filter(([, row]) => !row.isDelete).map(([key, row]) => [key, row.sequence]));
  }

  apply(plan: CompactPlan, targetRows: number): void {
    const fileOf = (meta: DataFileMeta): ModelFile => {
      const file = this.files.find(candidate => candidate.meta.fileName === meta.fileName);
      if (file === undefined) throw new Error(`${meta.fileName} is not live`);
      return file;
    };
    for (const { sections } of plan.rewrites) {
      const inputs = sections.flat(2).map(fileOf);
      this.files = this.files.filter(file => !inputs.includes(file));
      const merged = [...newestRows(inputs)].filter(([, row]) => !(plan.dropDeletes && row.isDelete));
      const rows = merged.toSorted(([a], [b]) => a - b);
      for (let at = 0; at < rows.length; at += targetRows)
        this.add(plan.outputLevel, new Map(rows.slice(at, at + targetRows)));
    }
    for (const upgraded of plan.upgrades.map(fileOf)) {
      this.files = this.files.filter(file => file !== upgraded);
      this.files = [...this.files, { ...upgraded, meta: { ...upgraded.meta, level: plan.outputLevel } }];
    }
  }
}

function newestRows(files: readonly ModelFile[]): Map<number, ModelRow> {
  const newest = new Map<number, ModelRow>();
  for (const { rows } of files) {
    for (const [key, row] of rows) if (row.sequence >= (newest.get(key)?.sequence ?? -1)) newest.set(key, row);
  }
  return newest;
}

const settingsArbitrary: fc.Arbitrary<CompactionSettings> = fc.record({
  runCountTrigger: fc.integer({ min: 1, max: 5 }),
  runCountStop: fc.constant(8),
  levelCount: fc.integer({ min: 2, max: 6 }),
  sizeAmplificationPercentMax: fc.constantFrom(0, 50, 200, 1000),
  sizeRatioPercent: fc.constantFrom(0, 1, 50),
  optimizationIntervalMs: fc.constant(undefined),
  totalBytesThreshold: fc.constantFrom(undefined, 100),
  incrementalBytesThreshold: fc.constantFrom(undefined, 300),
  sinceFullCompactionMs: fc.constant(Number.POSITIVE_INFINITY),
  vectored: fc.constant(undefined),
  smallFileRatio: fc.constantFrom(0, 0.7, 1),
  fileCountMin: fc.constant(5),
  deleteRatioThreshold: fc.constant(0.2),
  forceUpLevel0: fc.boolean(),
  forceRewriteAllFiles: fc.boolean(),
  targetFileBytes: fc.constantFrom(10, 50, 200),
});

/** Each step writes a file of these keys (negative: a delete) and then compacts as often as anything is picked. */
const steps = fc.array(
  fc.record({
    rows: fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 15 }),
    isFull: fc.constantFrom(false, false, false, true),
  }),
  { maxLength: 25 },
);

/** A bucket settles after a few compactions; more means that picking runs in circles. */
const compactionsPerStepMax = 10;

test('whatever is picked, readers see the same rows, and levels stay free of overlaps and of deletes at the end', () => {
  fc.assert(
    fc.property(settingsArbitrary, steps, (settings, allSteps) => {
      const bucket = new ModelBucket();
      let sequence = 0;
      for (const { rows, isFull } of allSteps) {
        const entries = rows.map((id): [number, ModelRow] => {
          sequence += 1;
          return [Math.abs(id), { sequence, isDelete: id < 0 }];
        });
        bucket.add(0, new Map(entries));
        const pick = isFull ? pickFullCompaction : pickCompaction;
        for (let turn = 0; turn < (isFull ? 1 : compactionsPerStepMax); turn += 1) {
          const runs = sortedRuns(bucket.files.map(file => file.meta));
          const unit = pick(runs, settings);
          if (unit === undefined) break;
          // A threshold on the total asks again and again.
          if (!isFull && settings.totalBytesThreshold === undefined)
            expect(turn).toBeLessThan(compactionsPerStepMax - 1);
          const before = bucket.visible();
          const plan = planUnit(unit, compareTestKeys, settings);
          checkPlan(plan, unit.files);
          bucket.apply(plan, settings.targetFileBytes / 10);
          expect(bucket.visible()).toEqual(before);
          checkLevels(bucket.files, unit.isLastLevel ? unit.outputLevel : undefined);
        }
      }
    }),
    { numRuns: 300 },
  );
});

function checkPlan(plan: CompactPlan, files: readonly DataFileMeta[]): void {
  const rewritten = plan.rewrites.flatMap(rewrite => rewrite.sections.flat(2));
  const named = [...rewritten, ...plan.upgrades];
  expect(new Set(named).size).toBe(named.length);
  for (const file of named) expect(files).toContain(file);
  for (const file of files) if (!named.includes(file)) expect(file.level).toBe(plan.outputLevel);
}

function checkLevels(files: readonly ModelFile[], lastLevel: number | undefined): void {
  for (const { level, files: levelFiles } of sortedRuns(
    files.map(file => file.meta),
    compareTestKeys,
  )) {
    if (level === 0) continue;
    for (const [i, file] of levelFiles.entries()) {
      const next = levelFiles[i + 1];
      if (next !== undefined) expect(readTestKey(file.maxKey)).toBeLessThan(readTestKey(next.minKey));
      if (level === lastLevel) expect(file.deleteRowCount).toBe(0);
    }
  }
}

test('sections are in key order, do not touch, and hold each file once in runs without overlaps', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(8))), ranges => {
      const files = ranges.map(([from, length], i) => parseFile(`L0 f${i} keys=${from}..${from + length}`, i));
      const sections = intervalPartition(files, compareTestKeys);
      expect(
        sections
          .flat(2)
          .map(file => file.fileName)
          .toSorted(),
      ).toEqual(files.map(file => file.fileName).toSorted());
      let end = -1;
      for (const section of sections) {
        const inSection = section.flat();
        expect(Math.min(...inSection.map(file => readTestKey(file.minKey)))).toBeGreaterThan(end);
        end = Math.max(...inSection.map(file => readTestKey(file.maxKey)));
        for (const run of section) {
          for (const [i, file] of run.entries()) {
            if (i > 0) expect(readTestKey(file.minKey)).toBeGreaterThan(readTestKey(run[i - 1]?.maxKey ?? file.minKey));
          }
        }
        // As few runs as the most files that lie over one key.
        const depth = Math.max(...inSection.map(at => inSection.filter(file => covers(file, at.minKey)).length));
        expect(section.length).toBe(depth);
      }
    }),
  );
});

function covers(file: DataFileMeta, key: Uint8Array): boolean {
  return compareTestKeys(file.minKey, key) <= 0 && compareTestKeys(file.maxKey, key) >= 0;
}
