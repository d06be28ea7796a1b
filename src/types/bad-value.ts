/** How a value from outside that does not fit its column is reported. */
import { invalid, type LakeError } from '../base/errors.ts';
import { shownJson } from '../base/json.ts';
import type { DataField } from './data-type.ts';
import { typeName } from './type-name.ts';

const shownNamesMax = 20;
const shownValueLengthMax = 80;

export function unknownColumn(name: string, known: ReadonlySet<string>): LakeError {
  return invalid('LAKE_BAD_VALUE', `there is no column ${JSON.stringify(name)}; the columns are ${shown(known)}`);
}

/** As `unknownColumn`, within a ROW. */
export function unknownField(row: DataField, name: string, known: ReadonlySet<string>): LakeError {
  return invalid(
    'LAKE_BAD_VALUE',
    `column ${row.name}: there is no field ${JSON.stringify(name)}; the fields are ${shown(known)}`,
  );
}

function shown(known: ReadonlySet<string>): string {
  const rest = known.size > shownNamesMax ? ', …' : '';
  return [...known].slice(0, shownNamesMax).join(', ') + rest;
}

/** The error for a value that does not fit its column. */
export function badValue(field: DataField, value: unknown, reason: string): LakeError {
  const text = shownJson(value, shownValueLengthMax);
  return invalid('LAKE_BAD_VALUE', `column ${field.name} (${typeName(field.type)}): value ${text}: ${reason}`);
}
