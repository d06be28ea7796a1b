/**
 * The values that CloudFormation would put into a template: parameters, conditions and the intrinsic functions that ours
 * use. One that is not known here is an error, never a guess.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
 */
import * as z from 'zod';

export type Deployment = {
  /** Of parameters that have no default, or another value than it. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** What `Ref` and `Fn::GetAtt` (`LogStream.Arn`) give; where nothing is said, what `standsFor` makes up. */
  readonly values: Readonly<Record<string, string>>;
  /** Types of the resources that are looked at: the rest may use what is not known here. Those of policies when not given. */
  readonly types?: RegExp | undefined;
};

export type TemplateResource = {
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
};

export type ResolvedTemplate = {
  /** Those whose condition holds. */
  readonly resources: ReadonlyMap<string, TemplateResource>;
};

const templateSchema = z.object({
  Parameters: z
    .record(
      z.string(),
      z.object({
        Type: z.string().optional(),
        Default: z.union([z.string(), z.number(), z.boolean()]).optional(),
      }),
    )
    .default({}),
  Conditions: z.record(z.string(), z.unknown()).default({}),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))).default({}),
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Condition: z.string().optional(),
      Properties: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

export const deployedRegion = 'us-east-1';
export const deployedAccount = '000000000000';

const pseudoParameters: Readonly<Record<string, string>> = {
  'AWS::Region': deployedRegion,
  'AWS::AccountId': deployedAccount,
  'AWS::Partition': 'aws',
  'AWS::StackName': 'tidelake-test',
  'AWS::StackId': `arn:aws:cloudformation:${deployedRegion}:${deployedAccount}:stack/tidelake-test/1`,
  'AWS::URLSuffix': 'amazonaws.com',
};

/** What `AWS::NoValue` leaves: nothing. */
const noValue: unique symbol = Symbol('AWS::NoValue');

const policyTypes = /^AWS::(IAM::|S3::BucketPolicy$|SQS::QueuePolicy$|KMS::Key$|Lambda::Permission$|SNS::TopicPolicy$)/;

/** @throws Error about an intrinsic function, a parameter or a name that is not known */
export function resolveTemplate(template: unknown, deployment: Deployment): ResolvedTemplate {
  const parsed = templateSchema.parse(template);
  const resolver = new Resolver(parsed, deployment);
  const resources = new Map<string, TemplateResource>();
  for (const [id, { Type: type, Condition: condition, Properties: properties = {} }] of Object.entries(
    parsed.Resources,
  )) {
    if (condition !== undefined && !resolver.condition(condition)) continue;
    const isLookedAt = (deployment.types ?? policyTypes).test(type);
    resources.set(id, { type, properties: isLookedAt ? resolver.properties(id, properties) : {} });
  }
  return { resources };
}

type ParsedTemplate = z.infer<typeof templateSchema>;

class Resolver {
  readonly #template: ParsedTemplate;
  readonly #deployment: Deployment;

  constructor(template: ParsedTemplate, deployment: Deployment) {
    this.#template = template;
    this.#deployment = deployment;
  }

  properties(id: string, properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const resolved = this.#value(properties, id);
    return z.record(z.string(), z.unknown()).parse(resolved);
  }

  condition(name: string): boolean {
    const condition = this.#template.Conditions[name];
    if (condition === undefined) throw new Error(`the template has no condition ${name}`);
    return this.#truth(condition, `condition ${name}`);
  }

  #truth(value: unknown, where: string): boolean {
    const call = intrinsicOf(value);
    switch (call?.name) {
      case 'Condition':
        return this.condition(String(call.argument));
      case 'Fn::Equals': {
        const [left, right] = this.#list(call.argument, where);
        return left === right;
      }
      case 'Fn::Not':
        return !this.#truths(call.argument, where)[0];
      case 'Fn::And':
        return this.#truths(call.argument, where).every(Boolean);
      case 'Fn::Or':
        return this.#truths(call.argument, where).some(Boolean);
      default:
        throw new Error(`${where}: not a condition that is known here: ${JSON.stringify(value)}`);
    }
  }

  #truths(argument: unknown, where: string): readonly boolean[] {
    return z
      .array(z.unknown())
      .parse(argument)
      .map(value => this.#truth(value, where));
  }

  #value(value: unknown, where: string): unknown {
    if (Array.isArray(value)) {
      return value.map(item => this.#value(item, where)).filter(item => item !== noValue);
    }
    if (typeof value !== 'object' || value === null) return value;
    const call = intrinsicOf(value);
    if (call !== undefined) return this.#call(call, where);
    const entries = Object.entries(value).map(([key, item]) => [key, this.#value(item, `${where}.${key}`)]);
    return Object.fromEntries(entries.filter(([, item]) => item !== noValue));
  }

  #call({ name, argument }: Intrinsic, where: string): unknown {
    switch (name) {
      case 'Ref':
        return this.#ref(String(argument), where);
      case 'Fn::GetAtt':
        return this.#attribute(Array.isArray(argument) ? argument.join('.') : String(argument), where);
      case 'Fn::Sub':
        return this.#substitute(argument, where);
      case 'Fn::Join': {
        const [separator, items] = z.tuple([z.string(), z.unknown()]).parse(argument);
        return this.#texts(this.#value(items, where)).join(separator);
      }
      case 'Fn::Split': {
        const [separator, text] = this.#texts(this.#value(argument, where));
        return (text ?? '').split(separator ?? '');
      }
      case 'Fn::Select': {
        const [index, items] = z.tuple([z.coerce.number(), z.unknown()]).parse(argument);
        return this.#list(this.#value(items, where), where)[index];
      }
      case 'Fn::If': {
        const [condition, then, otherwise] = z.tuple([z.string(), z.unknown(), z.unknown()]).parse(argument);
        return this.#value(this.condition(condition) ? then : otherwise, where);
      }
      case 'Fn::FindInMap': {
        const [map = '', first = '', second = ''] = this.#texts(this.#value(argument, where));
        const found = this.#template.Mappings[map]?.[first]?.[second];
        if (found === undefined) throw new Error(`${where}: nothing in the mapping ${map}.${first}.${second}`);
        return found;
      }
      default:
        throw new Error(`${where}: the intrinsic function ${name} is not known here`);
    }
  }

  #ref(name: string, where: string): unknown {
    if (name === 'AWS::NoValue') return noValue;
    const { parameters = {}, values } = this.#deployment;
    const parameter = this.#template.Parameters[name];
    const known = values[name] ?? pseudoParameters[name] ?? parameters[name] ?? parameter?.Default;
    if (known !== undefined) {
      return parameter?.Type === 'CommaDelimitedList' ? String(known).split(',') : known;
    }
    const type = this.#template.Resources[name]?.Type;
    if (type !== undefined) return standsFor(name, type);
    throw new Error(`${where}: nothing is known of ${name}`);
  }

  #attribute(name: string, where: string): string {
    const known = this.#deployment.values[name];
    if (known !== undefined) return known;
    const [id = '', attribute] = name.split('.');
    const type = this.#template.Resources[id]?.Type;
    if (type === undefined || attribute !== 'Arn') throw new Error(`${where}: nothing is known of ${name}`);
    return arnOf(id, type);
  }

  #substitute(argument: unknown, where: string): string {
    const [text, own] = Array.isArray(argument)
      ? z.tuple([z.string(), z.record(z.string(), z.unknown())]).parse(argument)
      : [z.string().parse(argument), {}];
    return text.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (name in own) return String(this.#value(own[name], where));
      return String(name.includes('.') ? this.#attribute(name, where) : this.#ref(name, where));
    });
  }

  #list(value: unknown, where: string): readonly unknown[] {
    const resolved = this.#value(value, where);
    if (!Array.isArray(resolved)) throw new Error(`${where}: a list is wanted`);
    return resolved;
  }

  #texts(value: unknown): readonly string[] {
    return z.array(z.union([z.string(), z.number(), z.boolean()]).transform(String)).parse(value);
  }
}

type Intrinsic = { readonly name: string; readonly argument: unknown };

function intrinsicOf(value: unknown): Intrinsic | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [entry, ...others] = Object.entries(value);
  if (entry === undefined || others.length > 0) return undefined;
  const [name, argument] = entry;
  const isCall = name === 'Ref' || name.startsWith('Fn::') || (name === 'Condition' && typeof argument === 'string');
  return isCall ? { name, argument } : undefined;
}

/** What a `Ref` of a resource gives where nobody says: its name, or for some kinds its ARN. */
function standsFor(id: string, type: string): string {
  return type === 'AWS::IAM::ManagedPolicy' ? arnOf(id, type) : `tidelake-test-${id}`;
}

function arnOf(id: string, type: string): string {
  const service = type.split('::')[1]?.toLowerCase() ?? '';
  return `arn:aws:${service}:${deployedRegion}:${deployedAccount}:tidelake-test-${id}`;
}

/** The logical id that a managed policy's ARN stands for here. */
export function managedPolicyId(arn: string): string | undefined {
  return /^arn:aws:iam:[^:]*:[^:]*:tidelake-test-(.+)$/.exec(arn)?.[1];
}
