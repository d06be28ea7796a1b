/**
 * How far event time has come, as a table says it: the column that has it, and how far rows may be behind one another. Flink's
 * `WATERMARK FOR ts AS ts - INTERVAL '5' SECOND`, in the options in which Paimon's Flink catalog keeps it, so Flink reads ours and
 * we read Flink's (RFC 0025).
 *
 * @see Paimon 1.4.2 FlinkCatalogPropertiesUtil.serializeNewWatermarkSpec, FlinkConnectorOptions
 */
import type { DataField, DataType } from '../types/data-type.ts';
import { durationOption, type OptionMap, textOption } from './option-values.ts';
import { printType } from './type-text.ts';

/** Values are milliseconds; of a TIMESTAMP without zone, of its wall clock as if it were UTC, as in Flink. */
export type WatermarkDefinition = {
  readonly column: string;
  /** What is so far behind the latest row is still expected. */
  readonly delayMs: number;
  /** A shard of which nothing came for so long does not hold the watermark up; undefined: it does. */
  readonly idleTimeoutMs: number | undefined;
};

const rowtimeKey = 'schema.watermark.0.rowtime';
const expressionKey = 'schema.watermark.0.strategy.expr';
const typeKey = 'schema.watermark.0.strategy.data-type';
const idleTimeoutKey = 'scan.watermark.idle-timeout';

/** Digits of a second that Flink takes event time in. */
const precisionMax = 3;

const unitsMs = { SECOND: 1_000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 } as const;

/** `INTERVAL '5' SECOND` */
export type WatermarkInterval = { readonly text: string; readonly unit: string };

/** @returns undefined: there is none; also where another program has set an expression that is not understood here */
export function watermarkDefinition(options: OptionMap): WatermarkDefinition | undefined {
  const idleTimeoutMs = durationOption(options, idleTimeoutKey);
  const column = textOption(options, rowtimeKey);
  const expression = textOption(options, expressionKey);
  if (column === undefined || expression === undefined) return undefined;
  const delayMs = delayOf(expression, column);
  return delayMs === undefined ? undefined : { column, delayMs, idleTimeoutMs };
}

/** `ts`, or `ts - INTERVAL '5' SECOND`; the name quoted or not. */
function delayOf(expression: string, column: string): number | undefined {
  const [, quoted, plain, interval, unit] =
    /^\s*(?:`((?:[^`]|``)+)`|(\w+))\s*(?:-\s*INTERVAL\s*'([\d.]+)'\s*(\w+)\s*(?:\([\d\s,]+\)\s*)?)?$/i.exec(
      expression,
    ) ?? [];
  if ((quoted?.replaceAll('``', '`') ?? plain) !== column) return undefined;
  return interval === undefined || unit === undefined ? 0 : intervalMs({ text: interval, unit });
}

/** @returns undefined: it is none of those that are understood */
export function intervalMs({ text, unit }: WatermarkInterval): number | undefined {
  const unitMs = Object.entries(unitsMs).find(([name]) => name === unit.toUpperCase())?.[1];
  // Flink takes parts of seconds only.
  const isNumber = unitMs === unitsMs.SECOND ? /^\d{1,9}(\.\d{1,3})?$/.test(text) : /^\d{1,9}$/.test(text);
  return unitMs !== undefined && isNumber ? Math.round(Number(text) * unitMs) : undefined;
}

/** Flink refuses a number of more digits than the unit says, and without a word it says two. */
function intervalText({ text, unit }: WatermarkInterval): string {
  const digits = text.split('.')[0]?.length ?? 0;
  return `INTERVAL '${text}' ${unit}${digits > 2 ? `(${digits})` : ''}`;
}

type SchemaParts = { readonly options: OptionMap; readonly fields: readonly DataField[] };

/** What keeps a column from being one of event time; undefined: nothing. */
function eventTimeMisfit(field: DataField | undefined): string | undefined {
  if (field === undefined) return 'it is not a column of the table';
  const { type } = field;
  if (type.kind !== 'timestamp' && type.kind !== 'timestamp-ltz') return `it is of type ${printType(type)}`;
  return type.precision > precisionMax ? `it has more than ${precisionMax} digits of a second` : undefined;
}

/** What makes a column that of event time. @param interval undefined: rows come in their order */
export function watermarkOptions(
  { name, type }: { readonly name: string; readonly type: DataType },
  interval: WatermarkInterval | undefined,
): OptionMap {
  const quoted = `\`${name.replaceAll('`', '``')}\``;
  return {
    [rowtimeKey]: name,
    [expressionKey]: interval === undefined ? quoted : `${quoted} - ${intervalText(interval)}`,
    [typeKey]: printType(type),
  };
}

/**
 * What is wrong with the options of a table to be. Another program's expressions are its own matter; a column that is not there
 * is not.
 */
export function watermarkMisfit({ options, fields }: SchemaParts): string | undefined {
  const definition = watermarkDefinition(options);
  if (definition === undefined) return undefined;
  const { column } = definition;
  const misfit = eventTimeMisfit(fields.find(({ name }) => name === column));
  return misfit === undefined ? undefined : `watermark column \`${column}\`: ${misfit}`;
}
