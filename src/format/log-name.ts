/**
 * The log that a table's rows go through where it is not the lake's: the option `log.name` (RFC 0024). A name and no address,
 * so that who makes tables does not say where programs connect to.
 */
import { badOption, type OptionMap } from './option-values.ts';

export const logNameKey = 'log.name';

/** In names of streams, topics, files and keys of objects it means itself. */
const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export function isLogName(text: string): boolean {
  return namePattern.test(text);
}

/** @returns undefined: the lake's own log · @throws LakeError `invalid` LAKE_BAD_OPTION */
export function logNameOf(options: OptionMap): string | undefined {
  const name = options[logNameKey];
  if (name === undefined || isLogName(name)) return name;
  throw badOption(logNameKey, name, '1 to 63 of a to z, 0 to 9 and -, with - neither first nor last');
}

/** Where the log of a name is: beside the lake's own. */
export function namedLogAddress(lakeLog: string, name: string): string {
  return `${lakeLog.replace(/\/+$/, '')}-${name}`;
}
