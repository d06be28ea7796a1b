/**
 * Tidelake's keys in a snapshot's properties. Every committer copies all that begin with `tidelake.` from its parent and
 * changes only its own (DESIGN 2.1 Identity).
 */
export const propertyPrefix = 'tidelake.';
/** Random id of the table; also in the schema files and in log records. */
export const tableIdProperty = 'tidelake.table';
/** Identity of the snapshot one number below. */
export const parentProperty = 'tidelake.parent';
/** On the empty snapshot that ends a table (S10): a fence for every writer. */
export const droppedProperty = 'tidelake.dropped';

export type Properties = Readonly<Record<string, string>>;

/** Whether a snapshot with these properties was written by Tidelake. */
export function isOurs(properties: Properties): boolean {
  return Object.keys(properties).some(key => key.startsWith(propertyPrefix));
}

/** What a child takes over: everything of ours but what is the parent's alone. */
export function carriedProperties(properties: Properties): Properties {
  const carried: Record<string, string> = {};
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith(propertyPrefix) && key !== parentProperty) carried[key] = value;
  }
  return carried;
}
