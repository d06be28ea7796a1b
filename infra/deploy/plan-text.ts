/** A plan as text to read. */
import { type Choices, chosenTemplate } from '../definitions/choose.ts';
import type { CloudResource } from '../definitions/cloudformation.ts';
import { parameters } from '../definitions/parameters.ts';
import { idlePrice } from './idle-price.ts';
import type { DeployOptions } from './options.ts';
import { changesOf, type DeployedTemplate, plannedFunctions, type ResourceChange, resourcesByType } from './plan.ts';

export type BundleSizes = Readonly<Record<string, { readonly zipBytes: number; readonly unpackedBytes: number }>>;

/** What is there already. */
export type Deployed =
  | { readonly status: 'none' }
  | {
      readonly status: 'exists';
      readonly template: DeployedTemplate;
      readonly parameters: Readonly<Record<string, string>>;
    }
  /** For example without credentials. */
  | { readonly status: 'not-known'; readonly why: string };

const mebibyte = 1024 * 1024;

export function planText(
  options: DeployOptions,
  made: { readonly template: DeployedTemplate; readonly bundles: BundleSizes; readonly deployed: Deployed },
): string {
  const { template: whole, bundles, deployed } = made;
  const template = chosenTemplate({ Conditions: {}, ...whole }, choicesOf(options));
  return [
    `Stack tidelake-${options.stage} in ${options.region}`,
    ...section('Parameters', parameterTexts(options, deployed)),
    ...section('Tags', Object.entries({ tidelake: `tidelake-${options.stage}`, ...options.tags }).map(pairText)),
    ...section('Functions', functionTexts(template, bundles)),
    ...section('Resources', resourceTexts(template)),
    ...section('Alarms', alarmTexts(template)),
    ...section('Price of a month in which nothing happens', priceTexts(options, template)),
    ...section('Changes', changeTexts(deployed, whole)),
    '',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return ['', title, ...lines.map(line => `  ${line}`)];
}

function pairText([name, value]: readonly [string, string | number]): string {
  return `${name} = ${value === '' ? '(empty)' : value}`;
}

function parameterTexts(options: DeployOptions, deployed: Deployed): readonly string[] {
  return Object.entries(parameters).map(([name, { Default = '' }]) => {
    const value = parameterValue(options, name);
    const before = deployed.status === 'exists' ? deployed.parameters[name] : String(Default);
    return `${pairText([name, value])}${before === undefined || before === value ? '' : `  (not ${before})`}`;
  });
}

function parameterValue({ chosen }: DeployOptions, name: string): string {
  return chosen[name] ?? String(parameters[name]?.Default ?? '');
}

/** What was chosen, as the template takes it. */
function choicesOf(options: DeployOptions): Choices {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { Type }]) => {
      const value = parameterValue(options, name);
      if (Type === 'Number') return [name, Number(value)];
      return [name, Type === 'CommaDelimitedList' ? value.split(',').filter(part => part !== '') : value];
    }),
  );
}

function priceTexts(options: DeployOptions, template: DeployedTemplate): readonly string[] {
  const values = Object.fromEntries(Object.keys(parameters).map(name => [name, parameterValue(options, name)]));
  const found = idlePrice(template, { region: options.region, parameters: values });
  if (found === undefined) return [`there are no list prices of ${options.region} here; docs/COST.md says what counts`];
  const { list, lines, total } = found;
  return [
    ...lines.map(({ what, dollars }) => `${what}: $${dollars.toFixed(2)}`),
    `together $${total.toFixed(2)}, at the list prices of ${list.date}; storage and rows come on top: \`tidelake estimate\``,
  ];
}

function functionTexts(template: DeployedTemplate, bundles: BundleSizes): readonly string[] {
  return plannedFunctions(template).flatMap(({ name, memoryMb, timeoutSeconds, calledBy, rights }) => {
    const { zipBytes = 0, unpackedBytes = 0 } = bundles[name] ?? {};
    const sizes = `${megabytes(zipBytes)} zipped, ${megabytes(unpackedBytes)} unpacked`;
    return [
      `${name}: ${memoryMb} MB, ${timeoutSeconds} s, bundle ${sizes}`,
      ...calledBy.map(source => `  called by ${source}`),
      ...rights.map(right => `  may ${right}`),
    ];
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(1)} MB`;
}

function resourceTexts(template: DeployedTemplate): readonly string[] {
  return [...resourcesByType(template)].map(([type, ids]) => {
    return `${type}: ${ids.map(id => `${id}${remark(template.Resources[id])}`).join(', ')}`;
  });
}

function remark(resource: CloudResource | undefined): string {
  return isKept(resource) ? ' (stays when the stack is removed)' : '';
}

/** Also of a stack that was made of another template. */
function isKept(resource: CloudResource | undefined): boolean {
  return resource?.DeletionPolicy?.startsWith('Retain') === true;
}

function alarmTexts(template: DeployedTemplate): readonly string[] {
  return Object.entries(template.Resources)
    .filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
    .map(([id, alarm]) => `${id}: ${String(alarm.Properties['AlarmDescription']).replace(/ What to do:.*$/, '')}`);
}

function changeTexts(deployed: Deployed, template: DeployedTemplate): readonly string[] {
  if (deployed.status === 'not-known') return [`not known: ${deployed.why}`];
  if (deployed.status === 'none') return ['the stack is new: everything above is made'];
  const changes = changesOf(deployed.template, template);
  const texts = changes.map(change => changeText(change, deployed.template.Resources[change.id]));
  return [...texts, changes.length === 0 ? 'the bundles, and what follows from the parameters' : 'and the bundles'];
}

function changeText(change: ResourceChange, before: CloudResource | undefined): string {
  switch (change.kind) {
    case 'added':
      return `+ ${change.id} (${change.type})`;
    case 'removed':
      return `- ${change.id} (${change.type})${isKept(before) ? ': leaves the stack, stays in the account' : ''}`;
    case 'changed':
      return `~ ${change.id} (${change.type}): ${change.properties.join(', ')}`;
    default:
      return change satisfies never;
  }
}
