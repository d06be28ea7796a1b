/** What a CloudFormation template is made of, as plain values. */

export type CloudValue = string | number | boolean | readonly CloudValue[] | { readonly [key: string]: CloudValue };

export type CloudProperties = { readonly [key: string]: CloudValue };

export type CloudResource = {
  /** What it is for; a comment above it in the template. */
  readonly comment?: string;
  readonly Type: string;
  readonly Condition?: string;
  readonly DependsOn?: readonly string[];
  /** The last is like `Retain`, but for what was made by an operation that is taken back. */
  readonly DeletionPolicy?: 'Delete' | 'Retain' | 'RetainExceptOnCreate';
  readonly UpdateReplacePolicy?: 'Delete' | 'Retain';
  readonly Properties: CloudProperties;
};

/** By logical id. */
export type CloudResources = { readonly [logicalId: string]: CloudResource };

export type CloudParameter = {
  readonly Type: 'String' | 'Number' | 'CommaDelimitedList';
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
  readonly AllowedPattern?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly ConstraintDescription?: string;
  readonly Description: string;
};

export type CloudOutput = {
  readonly Condition?: string;
  readonly Description: string;
  readonly Value: CloudValue;
};

export type CloudTemplate = {
  readonly AWSTemplateFormatVersion: '2010-09-09';
  readonly Description: string;
  readonly Metadata: CloudProperties;
  readonly Parameters: { readonly [name: string]: CloudParameter };
  readonly Conditions: { readonly [name: string]: CloudValue };
  readonly Resources: CloudResources;
  readonly Outputs: { readonly [name: string]: CloudOutput };
};

export function ref(logicalId: string): CloudProperties {
  return { Ref: logicalId };
}

export function getAtt(logicalId: string, attribute: string): CloudProperties {
  return { 'Fn::GetAtt': [logicalId, attribute] };
}

export function join(separator: string, values: readonly CloudValue[]): CloudProperties {
  return { 'Fn::Join': [separator, values] };
}

/** Only pseudo parameters (`${AWS::Region}`) may stand in it: osls takes other `${…}` for variables of its own. */
export function sub(text: string): CloudProperties {
  return { 'Fn::Sub': text };
}

export function either(condition: string, whenTrue: CloudValue, whenFalse: CloudValue): CloudProperties {
  return { 'Fn::If': [condition, whenTrue, whenFalse] };
}

export const noValue: CloudProperties = ref('AWS::NoValue');

/** For cost reports: which lake a resource belongs to. */
export const stackTags: readonly CloudProperties[] = [{ Key: 'tidelake', Value: ref('AWS::StackName') }];
