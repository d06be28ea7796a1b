/** What AWS knows of a stack. Calls go through the packages of osls, which deploys: the product itself never asks CloudFormation. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { oslsModules } from '../../scripts/cloud-tools.ts';
import type { DeployedTemplate } from './plan.ts';

export type StackPlace = {
  readonly stage: string;
  readonly region: string;
  readonly profile: string | undefined;
};

/** What a stack consists of and gives. */
export type DeployedStack = {
  /** What AWS calls them, by logical id. */
  readonly resources: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
};

/** CloudFormation lists 100 a page, and a stack has 500 at most. */
const pagesMax = 5;

type Client = {
  readonly getTemplate: (input: object) => Promise<{ readonly TemplateBody?: string }>;
  readonly describeStacks: (input: object) => Promise<{
    readonly Stacks?: readonly {
      readonly Outputs?: readonly { readonly OutputKey?: string; readonly OutputValue?: string }[];
      readonly Parameters?: readonly { readonly ParameterKey?: string; readonly ParameterValue?: string }[];
      readonly Tags?: readonly { readonly Key?: string; readonly Value?: string }[];
    }[];
  }>;
  readonly listStackResources: (input: object) => Promise<{
    readonly NextToken?: string;
    readonly StackResourceSummaries?: readonly {
      readonly LogicalResourceId?: string;
      readonly PhysicalResourceId?: string;
    }[];
  }>;
  readonly getCallerIdentity: (input: object) => Promise<{ readonly Account?: string }>;
};

type ClientClass = new (config: object) => Client;

export function stackName(stage: string): string {
  return `tidelake-${stage}`;
}

/** @throws Error of the SDK, for example without credentials */
export async function accountOf(place: StackPlace): Promise<string> {
  const { Account = '' } = await client('STS', '@aws-sdk/client-sts', place).getCallerIdentity({});
  return Account;
}

/** The template that the stack was made of; undefined when there is no stack. @throws Error of the SDK */
export async function deployedTemplate(place: StackPlace): Promise<DeployedTemplate | undefined> {
  return await ifThere(async () => {
    const input = { StackName: stackName(place.stage), TemplateStage: 'Original' };
    const { TemplateBody = '{}' } = await cloudFormation(place).getTemplate(input);
    return templateOf(TemplateBody);
  });
}

/** osls deploys JSON; whoever deploys infra/template.yaml by other means, YAML. @throws Error when it is neither */
export function templateOf(text: string): DeployedTemplate {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const yaml: { readonly load: (text: string) => DeployedTemplate } = requireOfOsls('js-yaml');
    return yaml.load(text);
  }
}

/** undefined when there is no stack. @throws Error of the SDK */
export async function deployedStack(place: StackPlace): Promise<DeployedStack | undefined> {
  return await ifThere(async () => {
    const { Stacks = [] } = await cloudFormation(place).describeStacks({ StackName: stackName(place.stage) });
    const { Outputs = [], Parameters = [], Tags = [] } = Stacks[0] ?? {};
    return {
      outputs: Object.fromEntries(Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
      parameters: Object.fromEntries(
        Parameters.map(({ ParameterKey = '', ParameterValue = '' }) => [ParameterKey, ParameterValue]),
      ),
      tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])),
      resources: await stackResources(place),
    };
  });
}

async function stackResources(place: StackPlace): Promise<Readonly<Record<string, string>>> {
  const asked = { StackName: stackName(place.stage) };
  const names: Record<string, string> = {};
  let page: object = {};
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const { StackResourceSummaries = [], NextToken } = await cloudFormation(place).listStackResources({
      ...asked,
      ...page,
    });
    for (const { LogicalResourceId = '', PhysicalResourceId = '' } of StackResourceSummaries) {
      names[LogicalResourceId] = PhysicalResourceId;
    }
    if (NextToken === undefined) break;
    page = { NextToken };
  }
  return names;
}

function cloudFormation(place: StackPlace): Client {
  return client('CloudFormation', '@aws-sdk/client-cloudformation', place);
}

function client(className: string, packageName: string, { region, profile }: StackPlace): Client {
  const required: Readonly<Record<string, ClientClass>> = requireOfOsls(packageName);
  const Wanted = required[className];
  if (Wanted === undefined) throw new Error(`${packageName} has no ${className}`);
  return new Wanted({ region, maxAttempts: 3, ...(profile === undefined ? {} : { profile }) });
}

function requireOfOsls(packageName: string) {
  return createRequire(join(oslsModules(), 'of-osls.js'))(packageName);
}

async function ifThere<Value>(ask: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await ask();
  } catch (error) {
    // CloudFormation has no code of its own for it.
    if (error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message))
      return undefined;
    throw error;
  }
}
