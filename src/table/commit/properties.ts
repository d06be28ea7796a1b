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
/** On a snapshot with rows from the log: which records they come from; in it, or, where there are many, … */
export const originsProperty = 'tidelake.origins';
/** … in the object of that name. */
export const originsObjectProperty = 'tidelake.origins-object';

const ownProperties: ReadonlySet<string> = new Set([parentProperty, originsProperty, originsObjectProperty]);

export type Properties = Readonly<Record<string, string>>;

/** Whether a snapshot with these properties was written by Tidelake. */
export function isOurs(properties: Properties): boolean {
  return Object.keys(properties).some(key => key.startsWith(propertyPrefix));
}

/** What a child takes over: everything of ours but what is said of the parent alone. */
export function carriedProperties(properties: Properties): Properties {
  const carried: Record<string, string> = {};
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith(propertyPrefix) && !ownProperties.has(key)) carried[key] = value;
  }
  return carried;
}
