/**
 * A template with its parameters decided: references to them are their values, conditions are gone with what they leave out.
 * For where the choice is made before CloudFormation sees the template.
 */
import type {
  CloudOutput,
  CloudProperties,
  CloudResource,
  CloudResources,
  CloudTemplate,
  CloudValue,
} from './cloudformation.ts';
import { parameters } from './parameters.ts';

/** By parameter or pseudo parameter (`AWS::StackName`); what is left out has its default, or stays a reference. */
export type Choices = { readonly [name: string]: CloudValue };

export type OpenTemplate = Pick<CloudTemplate, 'Resources' | 'Conditions'> & Partial<Pick<CloudTemplate, 'Outputs'>>;

export type ChosenTemplate = Pick<CloudTemplate, 'Resources' | 'Outputs'>;

/** Longer than any definition is deep. */
const depthMax = 50;

/** @throws Error about a condition that does not stand on what was chosen */
export function chosenTemplate(template: OpenTemplate, choices: Choices): ChosenTemplate {
  const chooser = new Chooser(template, choices);
  const resources: Record<string, CloudResource> = {};
  for (const [id, { Condition, comment: _, ...resource }] of Object.entries(template.Resources)) {
    if (!chooser.holds(Condition)) continue;
    resources[id] = { ...resource, Properties: chooser.properties(resource.Properties, `resource ${id}`) };
  }
  const outputs: Record<string, CloudOutput> = {};
  for (const [name, { Condition, ...output }] of Object.entries(template.Outputs ?? {})) {
    if (chooser.holds(Condition)) outputs[name] = { ...output, Value: chooser.value(output.Value, `output ${name}`) };
  }
  const Resources: CloudResources = resources;
  return { Resources, Outputs: outputs };
}

/** Of a value: in which part of the template, and how deep in it. */
type Place = { readonly where: string; readonly depth: number };

class Chooser {
  readonly #conditions: CloudTemplate['Conditions'];
  readonly #choices: Choices;

  constructor(template: OpenTemplate, choices: Choices) {
    this.#conditions = template.Conditions;
    const defaults = Object.entries(parameters).map(([name, { Default = '', Type }]) => [
      name,
      Type === 'CommaDelimitedList' ? [] : Default,
    ]);
    this.#choices = { ...Object.fromEntries(defaults), ...choices };
  }

  holds(name: string | undefined): boolean {
    return name === undefined || this.#truth(this.#conditions[name], `condition ${name}`);
  }

  /** @param where told by errors */
  value(value: CloudValue, where: string): CloudValue {
    const chosen = this.#chosen(value, { where, depth: 0 });
    if (chosen === undefined) throw new Error(`${where}: nothing is left of its value`);
    return chosen;
  }

  properties(properties: CloudProperties, where: string): CloudProperties {
    return this.#fields(properties, { where, depth: 0 });
  }

  #truth(condition: CloudValue | undefined, where: string): boolean {
    const { 'Fn::Not': negated, 'Fn::Equals': compared } = fieldsOf(condition);
    if (Array.isArray(negated)) return !this.#truth(negated[0], where);
    if (!Array.isArray(compared)) throw new Error(`${where} is not known: ${JSON.stringify(condition)}`);
    const [left, right] = compared.map((side: CloudValue) => JSON.stringify(this.value(side, where)));
    return left === right;
  }

  /** undefined: it is left out. */
  #chosen(value: CloudValue, { where, depth }: Place): CloudValue | undefined {
    if (depth > depthMax) throw new Error(`${where}: a value is too deep`);
    const deeper = { where, depth: depth + 1 };
    if (typeof value === 'string') return this.#filled(value);
    if (typeof value !== 'object') return value;
    if (isList(value)) return value.map(item => this.#chosen(item, deeper)).filter(item => item !== undefined);
    const { Ref, 'Fn::If': choice } = value;
    if (Ref === 'AWS::NoValue') return undefined;
    if (typeof Ref === 'string') return this.#choices[Ref] ?? value;
    if (choice === undefined) return joined(this.#fields(value, deeper));
    const [condition, whenTrue, whenFalse] = isList(choice) ? choice : [];
    const taken = this.holds(String(condition)) ? whenTrue : whenFalse;
    return taken === undefined ? undefined : this.#chosen(taken, deeper);
  }

  #fields(value: CloudProperties, place: Place): CloudProperties {
    const fields: Record<string, CloudValue> = {};
    for (const [key, field] of Object.entries(value)) {
      const chosen = this.#chosen(field, place);
      if (chosen !== undefined) fields[key] = chosen;
    }
    return fields;
  }

  /** The text of `Fn::Sub`. */
  #filled(text: string): string {
    return text.replaceAll(/\$\{(AWS::\w+)\}/g, (whole, name: string) => {
      const chosen = this.#choices[name];
      return typeof chosen === 'string' ? chosen : whole;
    });
  }
}

/** What needs nothing more is done at once: a list of texts is joined, a text without `${…}` is itself. */
function joined(value: CloudProperties): CloudValue {
  const { 'Fn::Join': call, 'Fn::Sub': filled } = value;
  if (typeof filled === 'string' && !filled.includes('${')) return filled;
  if (call === undefined || !isList(call)) return value;
  const [separator, parts] = call;
  if (typeof separator !== 'string' || parts === undefined || !isList(parts)) return value;
  return parts.every(part => typeof part === 'string') ? parts.join(separator) : value;
}

function isList(value: CloudValue): value is readonly CloudValue[] {
  return Array.isArray(value);
}

function fieldsOf(value: CloudValue | undefined): CloudProperties {
  return typeof value === 'object' && !isList(value) ? value : {};
}
