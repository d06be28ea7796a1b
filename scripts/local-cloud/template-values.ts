/**
 * What the values of a CloudFormation template come to when its stack stands on this machine: parameters, conditions, names of
 * resources. Only what our templates use is known; anything else is refused, so that nothing is quietly taken for something else.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */

export type TemplateText = {
  readonly Parameters: Readonly<Record<string, unknown>>;
  readonly Conditions: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, unknown>>;
};

export type StackPlace = {
  readonly stackName: string;
  readonly region: string;
  readonly accountId: string;
  /** For those of the template; others have their default. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** What `Ref` gives for a resource of a type. */
  readonly physicalId: (logicalId: string, type: string) => string;
  /** What `Fn::GetAtt` gives. */
  readonly attribute: (logicalId: string, type: string, name: string) => string;
};

const noValue = Symbol('AWS::NoValue');

export class TemplateValues {
  readonly #template: TemplateText;
  readonly #place: StackPlace;

  constructor(template: TemplateText, place: StackPlace) {
    this.#template = template;
    this.#place = place;
    for (const name of Object.keys(place.parameters)) {
      if (!(name in template.Parameters)) throw new Error(`the template has no parameter ${name}`);
    }
  }

  /** A value without what only CloudFormation understands. @throws Error that names what is not known */
  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(item => this.resolve(item)).filter(item => item !== noValue);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [key = '', argument] = entries[0] ?? [];
    if (entries.length === 1 && (key === 'Ref' || key === 'Condition' || key.startsWith('Fn::'))) {
      return this.#call(key, argument);
    }
    const resolved = entries.map(([name, item]) => [name, this.resolve(item)]);
    return Object.fromEntries(resolved.filter(([, item]) => item !== noValue));
  }

  /** Whether what has this condition is there. */
  holds(name: string): boolean {
    if (!(name in this.#template.Conditions)) throw new Error(`the template has no condition ${name}`);
    return this.resolve(this.#template.Conditions[name]) === true;
  }

  #call(name: string, argument: unknown): unknown {
    const list = (): readonly unknown[] => {
      if (!Array.isArray(argument)) throw new Error(`${name} wants a list`);
      return argument;
    };
    switch (name) {
      case 'Ref':
        return this.#reference(String(argument));
      case 'Condition':
        return this.holds(String(argument));
      case 'Fn::GetAtt': {
        const [logicalId = '', ...rest] = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
        return this.#place.attribute(logicalId, this.#typeOf(logicalId), rest.join('.'));
      }
      case 'Fn::Join': {
        const [separator, items] = list();
        return Object.values(Object(this.resolve(items))).join(String(separator));
      }
      case 'Fn::Sub':
        return String(argument).replace(/\$\{([^}]+)\}/g, (_, of: string) => this.#substitute(of));
      case 'Fn::If': {
        const [condition, whenTrue, whenFalse] = list();
        return this.resolve(this.holds(String(condition)) ? whenTrue : whenFalse);
      }
      case 'Fn::Equals': {
        const [left, right] = list().map(item => this.resolve(item));
        return String(left) === String(right);
      }
      case 'Fn::Not':
        return this.resolve(list()[0]) !== true;
      case 'Fn::And':
        return list().every(item => this.resolve(item) === true);
      case 'Fn::Or':
        return list().some(item => this.resolve(item) === true);
      default:
        throw new Error(`the local cloud does not know ${name}`);
    }
  }

  #substitute(of: string): string {
    const [logicalId = '', ...attribute] = of.split('.');
    if (attribute.length === 0) return String(this.#reference(of));
    return this.#place.attribute(logicalId, this.#typeOf(logicalId), attribute.join('.'));
  }

  #reference(name: string): unknown {
    const { stackName, region, accountId, parameters, physicalId } = this.#place;
    const pseudo: Readonly<Record<string, string | symbol>> = {
      'AWS::NoValue': noValue,
      'AWS::StackName': stackName,
      'AWS::Region': region,
      'AWS::AccountId': accountId,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
    };
    if (name in pseudo) return pseudo[name];
    if (name in this.#template.Parameters) {
      const value = parameters[name] ?? Object(this.#template.Parameters[name])['Default'];
      if (value === undefined) throw new Error(`the parameter ${name} has no default: give it a value`);
      return value;
    }
    return physicalId(name, this.#typeOf(name));
  }

  #typeOf(logicalId: string): string {
    const type = Object(this.#template.Resources[logicalId])['Type'];
    if (typeof type !== 'string') throw new Error(`the template has no resource ${logicalId}`);
    return type;
  }
}
