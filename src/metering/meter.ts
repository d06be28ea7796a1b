/** Counts what a process uses, by day, table and purpose, in memory. */
import type { Clock } from '../base/clock.ts';
import { noUsage, type Purpose, sharedTable, type UsageEntry, type UsageFigure, usageFigures } from './usage.ts';

/** Of one day; what more tables there are is counted as of none. */
const tablesPerDayMax = 10_000;

type Tally = { readonly table: string; readonly purpose: Purpose; readonly usage: Record<UsageFigure, number> };

export class Meter {
  readonly #clock: Clock;
  /** Day (`2026-11-27`, UTC) to tallies by table and purpose. */
  readonly #days = new Map<string, Map<string, Tally>>();
  /** Requests by table since the last `takeTouched`. */
  #touched = new Map<string, number>();
  #changes = 0;

  readonly #onChange: (() => void) | undefined;

  /** @param onChange told after something was counted */
  constructor(clock: Clock, onChange?: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Grows with everything that is counted: whether there is anything new to tell. */
  get changes(): number {
    return this.#changes;
  }

  /** Days with something counted, the oldest first. */
  get days(): readonly string[] {
    return [...this.#days.keys()];
  }

  count(table: string | undefined, purpose: Purpose, figures: Partial<Record<UsageFigure, number>>): void {
    if (table !== undefined) this.#touched.set(table, (this.#touched.get(table) ?? 0) + 1);
    this.#add(table ?? sharedTable, purpose, figures);
  }

  /** Forgets which tables were worked on: an invocation begins. */
  begin(): void {
    this.#touched = new Map();
  }

  /** An invocation ends: it goes to the tables that it worked on, by the requests that it made for each. */
  invoked(purpose: Purpose, gbSecond: number): void {
    const total = this.#touched.values().reduce((sum, count) => sum + count, 0);
    if (total === 0) this.#add(sharedTable, purpose, { invocation: 1, gbSecond });
    for (const [table, count] of this.#touched) {
      const share = count / total;
      this.#add(table, purpose, { invocation: share, gbSecond: gbSecond * share });
    }
    this.begin();
  }

  /** All that was counted on a day. */
  entries(day: string): readonly UsageEntry[] {
    const tallies = this.#days.get(day)?.values() ?? [];
    return [...tallies].map(({ table, purpose, usage }) => ({ table, purpose, usage: { ...usage } }));
  }

  /** Forgets a day: it is written, and over. */
  forget(day: string): void {
    this.#days.delete(day);
  }

  #add(table: string, purpose: Purpose, figures: Partial<Record<UsageFigure, number>>): void {
    const { usage } = this.#tally(table, purpose);
    for (const figure of usageFigures) usage[figure] += figures[figure] ?? 0;
    this.#changes += 1;
    this.#onChange?.();
  }

  #tally(table: string, purpose: Purpose): Tally {
    const day = dayOf(this.#clock.nowMs());
    let tallies = this.#days.get(day);
    if (tallies === undefined) {
      tallies = new Map();
      this.#days.set(day, tallies);
    }
    const key = `${table}\0${purpose}`;
    const known = tallies.get(key);
    if (known !== undefined) return known;
    if (tallies.size >= tablesPerDayMax && table !== sharedTable) return this.#tally(sharedTable, purpose);
    const tally = { table, purpose, usage: { ...noUsage } };
    tallies.set(key, tally);
    return tally;
  }
}

/** `2026-11-27`, UTC. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
