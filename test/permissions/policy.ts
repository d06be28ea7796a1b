/**
 * Policies of AWS's IAM as plain values: what a statement says, parsed strictly, since an element that is not understood
 * could give or take any right.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
import * as z from 'zod';

export type PolicyStatement = {
  /** Where it stands, for messages: `IngestRole/ingest[0]`. */
  readonly origin: string;
  readonly effect: 'Allow' | 'Deny';
  /** Of a policy of a resource; `*` is anybody. undefined: of a role, and then about that role. */
  readonly principals: readonly string[] | undefined;
  readonly actions: PatternList;
  readonly resources: PatternList;
  readonly conditions: readonly PolicyCondition[];
};

/** `none-of`: NotAction, NotResource. */
export type PatternList = { readonly kind: 'any-of' | 'none-of'; readonly patterns: readonly string[] };

export type PolicyCondition = {
  readonly operator: ConditionOperator;
  readonly ifExists: boolean;
  readonly key: string;
  readonly values: readonly string[];
};

const conditionOperators = [
  'StringEquals',
  'StringNotEquals',
  'StringEqualsIgnoreCase',
  'StringNotEqualsIgnoreCase',
  'StringLike',
  'StringNotLike',
  'ArnEquals',
  'ArnNotEquals',
  'ArnLike',
  'ArnNotLike',
  'NumericEquals',
  'NumericNotEquals',
  'NumericLessThan',
  'NumericLessThanEquals',
  'NumericGreaterThan',
  'NumericGreaterThanEquals',
  'Bool',
  'Null',
] as const;
export type ConditionOperator = (typeof conditionOperators)[number];

const oneOrMany = z.union([z.string(), z.array(z.string())]).transform(value => [value].flat());
const conditionValues = z
  .union([z.string(), z.boolean(), z.number(), z.array(z.union([z.string(), z.boolean(), z.number()]))])
  .transform(value => [value].flat().map(String));

const statementSchema = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.union([z.literal('*'), z.record(z.string(), oneOrMany)]).optional(),
  Action: oneOrMany.optional(),
  NotAction: oneOrMany.optional(),
  Resource: oneOrMany.optional(),
  NotResource: oneOrMany.optional(),
  Condition: z.record(z.string(), z.record(z.string(), conditionValues)).optional(),
});

const documentSchema = z.strictObject({
  Version: z.literal('2012-10-17'),
  Id: z.string().optional(),
  Statement: z.union([statementSchema, z.array(statementSchema)]).transform(value => [value].flat()),
});

/** @throws Error about an element that is not known here, or that is missing */
export function parsePolicy(origin: string, document: unknown): readonly PolicyStatement[] {
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) throw new Error(`${origin}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.Statement.map((statement, index) => {
    const where = `${origin}[${index}]`;
    return {
      origin: where,
      effect: statement.Effect,
      principals: principalsOf(statement.Principal),
      actions: patternList(where, 'Action', statement.Action, statement.NotAction),
      resources: patternList(where, 'Resource', statement.Resource, statement.NotResource),
      conditions: Object.entries(statement.Condition ?? {}).flatMap(([operator, keys]) =>
        Object.entries(keys).map(([key, values]) => ({ ...operatorOf(where, operator), key, values })),
      ),
    };
  });
}

/** `AWS: arn` as it is, others with their kind: `Service:events.amazonaws.com`. */
function principalsOf(principal: '*' | Record<string, string[]> | undefined): readonly string[] | undefined {
  if (principal === undefined || principal === '*') return principal === undefined ? undefined : ['*'];
  return Object.entries(principal).flatMap(([kind, names]) =>
    names.map(name => (kind === 'AWS' ? name : `${kind}:${name}`)),
  );
}

function patternList(
  where: string,
  what: string,
  patterns: readonly string[] | undefined,
  others: readonly string[] | undefined,
): PatternList {
  if ((patterns === undefined) === (others === undefined)) {
    throw new Error(`${where}: one of ${what} and Not${what} is wanted`);
  }
  const list: PatternList = { kind: others === undefined ? 'any-of' : 'none-of', patterns: patterns ?? others ?? [] };
  for (const pattern of list.patterns) refuseVariables(where, pattern);
  return list;
}

function operatorOf(where: string, text: string): Pick<PolicyCondition, 'operator' | 'ifExists'> {
  const ifExists = text.endsWith('IfExists');
  const name = ifExists ? text.slice(0, -'IfExists'.length) : text;
  const operator = conditionOperators.find(known => known === name);
  if (operator === undefined || (ifExists && operator === 'Null')) {
    throw new Error(`${where}: the condition operator ${text} is not known here`);
  }
  return { operator, ifExists };
}

/** `${aws:username}` and the like would have to be filled in; none of our policies has them. */
function refuseVariables(where: string, pattern: string): void {
  if (pattern.includes('${')) throw new Error(`${where}: policy variables are not known here: ${pattern}`);
}
