import { invalid } from '../base/errors.ts';

/** An aggregate function that cannot take a value out again met a -U or -D row. */
export function retractRefused(column: string, name: string): Error {
  return invalid(
    'LAKE_DELETE_NOT_MERGED',
    `column \`${column}\`: aggregate function ${name} can't take a -U or -D row back; set fields.${column}.ignore-retract to ` +
      'have it passed over',
  );
}
