/** What `npm run deploy` and `npm run remove` are told, checked before anything is done. */
import { parseArgs } from 'node:util';
import { faultOf, parameters } from '../definitions/parameters.ts';

export type DeployOptions = {
  readonly stage: string;
  readonly region: string;
  readonly profile: string | undefined;
  /** Parameters of the template that were given, by name. */
  readonly chosen: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly isDryRun: boolean;
};

export type RemoveOptions = Pick<DeployOptions, 'stage' | 'region' | 'profile'> & { readonly isConfirmed: boolean };

/** What was told makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Function names have 64 characters at most, `tidelake-` and `-maintain` included. */
const stageLengthMax = 32;
const stagePattern = /^[a-z][a-z0-9-]*$/;
const regionPattern = /^[a-z]{2}(?:-[a-z]+)+-\d$/;
/** AWS has 50; one is ours, one is osls's. */
const tagsMax = 48;
const regionDefault = 'us-east-1';

const common = {
  stage: { type: 'string' },
  region: { type: 'string' },
  profile: { type: 'string' },
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws UsageError */
export function parseDeployOptions(args: readonly string[], environment: Environment): DeployOptions {
  const values = parsed(() =>
    parseArgs({
      args: [...args],
      options: {
        ...common,
        'dry-run': { type: 'boolean', default: false },
        set: { type: 'string', multiple: true, default: [] },
        tag: { type: 'string', multiple: true, default: [] },
      },
    }),
  );
  const tags = pairs('--tag', values.tag);
  if (Object.keys(tags).length > tagsMax) throw new UsageError(`--tag: at most ${tagsMax} tags`);
  return {
    ...placeOf(values, environment),
    chosen: checkedParameters('--set', values.set),
    tags,
    isDryRun: values['dry-run'],
  };
}

/** @throws UsageError */
export function parseRemoveOptions(args: readonly string[], environment: Environment): RemoveOptions {
  const values = parsed(() =>
    parseArgs({ args: [...args], options: { ...common, yes: { type: 'boolean', default: false } } }),
  );
  return { ...placeOf(values, environment), isConfirmed: values.yes };
}

/** What osls itself puts on a stack. */
const oslsTag = 'STAGE';

/**
 * What was once set stays set: a stack that exists keeps its parameters and tags where nothing else is said. Those that the
 * template has no more, or that it no longer takes, are its defaults again.
 */
export function keepingChoices(
  options: DeployOptions,
  stack: Pick<DeployOptions, 'tags'> & { readonly parameters: Readonly<Record<string, string>> },
): DeployOptions {
  const choices = Object.entries(stack.parameters).filter(([name, value]) => {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    return parameter !== undefined && faultOf(parameter, value) === undefined;
  });
  const tags = Object.entries(stack.tags).filter(([name]) => name !== oslsTag);
  return {
    ...options,
    chosen: { ...Object.fromEntries(choices), ...options.chosen },
    tags: { ...Object.fromEntries(tags), ...options.tags },
  };
}

/** What may be set, for `--help`. */
export function parameterLines(): readonly string[] {
  const width = Math.max(...Object.keys(parameters).map(name => name.length));
  return Object.entries(parameters).map(([name, { Default, Description }]) => {
    const usual = Default === '' ? 'empty' : Default;
    return `  ${name.padEnd(width)}  ${Description} (default ${usual})`;
  });
}

function parsed<Values>(parse: () => { readonly values: Values }): Values {
  try {
    return parse().values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function placeOf(
  values: { readonly stage?: string; readonly region?: string; readonly profile?: string },
  environment: Environment,
): Pick<DeployOptions, 'stage' | 'region' | 'profile'> {
  const { stage } = values;
  if (stage === undefined) throw new UsageError('say which stage, as in --stage prod: its stack is tidelake-prod');
  if (!stagePattern.test(stage) || stage.length > stageLengthMax) {
    const rule = `small letters, digits and hyphens, a letter first, at most ${stageLengthMax}`;
    throw new UsageError(`--stage ${JSON.stringify(stage)}: a stage is named by ${rule}`);
  }
  const region = values.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? regionDefault;
  if (!regionPattern.test(region))
    throw new UsageError(`--region ${JSON.stringify(region)}: no AWS region is named so`);
  return { stage, region, profile: values.profile };
}

function pairs(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map(text => {
      const at = text.indexOf('=');
      if (at <= 0) throw new UsageError(`${option} ${JSON.stringify(text)}: NAME=VALUE is wanted`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** Parameters of the template, as NAME=VALUE. @throws UsageError that begins with the option */
export function checkedParameters(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  const given = pairs(option, texts);
  for (const [name, value] of Object.entries(given)) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      throw new UsageError(
        `${option} ${name}: there is no such parameter; there are ${Object.keys(parameters).join(', ')}`,
      );
    }
    const fault = faultOf(parameter, value);
    if (fault !== undefined) throw new UsageError(`${option} ${name}=${value}: ${fault}`);
  }
  return given;
}
