/** What a deployment would do, read from the template that osls has made; pure. */
import type { CloudResource, CloudTemplate, CloudValue } from '../definitions/cloudformation.ts';
import {
  type EventSource,
  type FunctionDefinition,
  functionDefinitions,
  roleId,
  streamMappingId,
} from '../definitions/functions.ts';

export type PlannedFunction = {
  readonly name: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly calledBy: readonly string[];
  /** `LogStream: kinesis:GetRecords …`. */
  readonly rights: readonly string[];
};

export type ResourceChange =
  | { readonly kind: 'added' | 'removed'; readonly id: string; readonly type: string }
  | { readonly kind: 'changed'; readonly id: string; readonly type: string; readonly properties: readonly string[] };

export type DeployedTemplate = Pick<CloudTemplate, 'Resources'> & Partial<Pick<CloudTemplate, 'Conditions'>>;

/** Each function, what calls it and what it may do. */
export function plannedFunctions(template: DeployedTemplate): readonly PlannedFunction[] {
  return functionDefinitions.map(definition => ({
    name: definition.name,
    memoryMb: definition.memoryMb,
    timeoutSeconds: definition.timeoutSeconds,
    calledBy: calledBy(template, definition),
    rights: rightsOf(template, roleId(definition.name)),
  }));
}

/** Logical ids by type, in the order of the alphabet. */
export function resourcesByType(template: DeployedTemplate): ReadonlyMap<string, readonly string[]> {
  const byType = new Map<string, string[]>();
  for (const [id, { Type }] of Object.entries(template.Resources)) byType.set(Type, [...(byType.get(Type) ?? []), id]);
  return new Map([...byType].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** What a stack that exists would become. Where the bundles are does not count: their place has the time in it. */
export function changesOf(deployed: DeployedTemplate, planned: DeployedTemplate): readonly ResourceChange[] {
  const ids = new Set([...Object.keys(deployed.Resources), ...Object.keys(planned.Resources)]);
  return [...ids].toSorted().flatMap((id): readonly ResourceChange[] => {
    const [before, after] = [deployed.Resources[id], planned.Resources[id]];
    if (after === undefined) return [{ kind: 'removed', id, type: before?.Type ?? '' }];
    if (before === undefined) return [{ kind: 'added', id, type: after.Type }];
    const properties = changedProperties(before, after);
    return properties.length === 0 ? [] : [{ kind: 'changed', id, type: after.Type, properties }];
  });
}

/** What stands beside a resource's properties and decides over it as they do. */
const attributes = ['Condition', 'DependsOn', 'DeletionPolicy', 'UpdateReplacePolicy'] as const;

function changedProperties(before: CloudResource, after: CloudResource): readonly string[] {
  if (before.Type !== after.Type) return ['Type'];
  // A template that others have deployed may have resources without any.
  const { Properties: old = {} } = before;
  const { Properties: planned = {} } = after;
  const names = new Set([...Object.keys(old), ...Object.keys(planned)]);
  return [
    ...attributes.filter(name => !isSame(before[name], after[name])),
    ...[...names].filter(name => name !== 'Code' && !isSame(old[name], planned[name])),
  ];
}

function isSame(one: CloudValue | undefined, other: CloudValue | undefined): boolean {
  return sortedText(one) === sortedText(other);
}

function sortedText(value: unknown): string | undefined {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

function calledBy({ Resources }: DeployedTemplate, definition: FunctionDefinition): readonly string[] {
  const { name, sources, hasUrl } = definition;
  const there = sources.filter(
    source => source.kind !== 'stream' || Resources[streamMappingId(name, source)] !== undefined,
  );
  return [...there.map(sourceText), ...(hasUrl ? ['HTTPS, signed'] : [])];
}

function sourceText(source: EventSource): string {
  switch (source.kind) {
    case 'stream':
      return `${source.stream}, ${source.batchRecordsMax} records or ${source.batchWindowSeconds} s`;
    case 'object-created':
      return `a new ${source.keyPattern}`;
    case 'schedule':
      return source.rate;
    default:
      return source satisfies never;
  }
}

/** Of the role's own policies, and of those that are added to it. */
function rightsOf({ Resources }: DeployedTemplate, role: string): readonly string[] {
  const added = Object.values(Resources).filter(
    ({ Type, Properties }) =>
      Type === 'AWS::IAM::Policy' && asList(Properties['Roles']).some(named => Object(named)['Ref'] === role),
  );
  const documents = [
    ...asList(Resources[role]?.Properties['Policies']).map(policy => Object(policy)['PolicyDocument']),
    ...added.map(({ Properties }) => Properties['PolicyDocument']),
  ];
  const statements = documents.flatMap(document => asList(Object(document)['Statement']));
  return statements.map(statement => {
    const { Action, Resource } = Object(statement);
    return `${asList(Action).join(' ')} on ${resourceText(Resource)}`;
  });
}

function resourceText(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const fields: Readonly<Record<string, unknown>> = Object(resource);
  if (Array.isArray(resource)) return resource.map(resourceText).join(', ');
  if (fields['Fn::GetAtt'] !== undefined) return String(asList(fields['Fn::GetAtt'])[0]);
  if (fields['Fn::Sub'] !== undefined)
    return String(fields['Fn::Sub'])
      .replace(/^.*:log-group:.*\}-/, 'the log group of ')
      .replace(/:\*$/, '');
  const [separator, parts] = asList(fields['Fn::Join']);
  return asList(parts).map(resourceText).join(String(separator));
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
