/** What happens to a table: writes by either side, compactions by either side. */
import { seededRandom } from '../../../src/base/random.ts';
import { type Choices, choicesOf } from './choices.ts';
import { type HistoryTable, randomTable } from './random-table.ts';
import { randomValue } from './random-values.ts';

export type Side = 'ours' | 'paimon';

export type HistoryStep =
  /** One commit; each change is `+I {…}` in canonical JSON. */
  | { readonly kind: 'write'; readonly side: Side; readonly changes: readonly string[] }
  | { readonly kind: 'compact'; readonly side: Side };

export type History = { readonly seed: number; readonly table: HistoryTable; readonly steps: readonly HistoryStep[] };

const stepsMin = 4;
const stepsMore = 6;

export function randomHistory(seed: number): History {
  const choices = choicesOf(seededRandom(seed));
  const table = randomTable(choices);
  const keySpread = 3 + choices.below(25);
  const steps: HistoryStep[] = [];
  const count = stepsMin + choices.below(stepsMore);
  while (steps.length < count) {
    const side = choices.of(['ours', 'paimon']);
    if (steps.length > 0 && choices.chance(0.3)) steps.push({ kind: 'compact', side });
    else steps.push({ kind: 'write', side, changes: randomChanges(table, choices, keySpread) });
  }
  return { seed, table, steps };
}

function randomChanges(table: HistoryTable, choices: Choices, keySpread: number): readonly string[] {
  const count = 1 + choices.below(40);
  const changes = Array.from({ length: count }, () => {
    const kind = table.takesDeletes ? choices.of(['+I', '+I', '+U', '-U', '-D']) : '+I';
    const fields = table.columns.map(({ name, type }) => {
      const isKey = table.primaryKeys.includes(name);
      const isPartition = table.partitionKeys.includes(name);
      const spread = isPartition ? 3 : isKey ? keySpread : 12;
      const isNull = !isKey && choices.chance(0.2);
      return `${JSON.stringify(name)}:${isNull ? 'null' : randomValue(type, choices, spread)}`;
    });
    return { key: fields.slice(0, table.primaryKeys.length).join(','), line: `${kind} {${fields.join(',')}}` };
  });
  // Paimon 1.4.2 orders the rows of one flush as if they ascended; its files, and later versions, do as they are told.
  const isOneByOne = table.options['sequence.field.sort-order'] === 'descending';
  const kept = isOneByOne ? new Map(changes.map(change => [change.key, change])).values() : changes;
  return Array.from(kept, ({ line }) => line);
}
