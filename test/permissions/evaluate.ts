/**
 * Whether policies allow a request, as AWS decides it within one account: an explicit Deny anywhere ends it; otherwise one
 * Allow, of the role's own policies or of the resource's, is enough; otherwise it is denied.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { unreachable } from '../../src/base/assert.ts';
import type { PatternList, PolicyCondition, PolicyStatement } from './policy.ts';

export type AccessRequest = {
  /** ARN of the role. */
  readonly principal: string;
  /** `s3:GetObject` */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  /** Condition keys that the request has; a key that is not here is not in the request. */
  readonly context: Readonly<Record<string, string>>;
};

export type AccessDecision = {
  readonly status: 'allowed' | 'explicit-deny' | 'implicit-deny';
  /** The statements that decided: every one that allows, or the ones that deny. */
  readonly by: readonly PolicyStatement[];
};

export function decideAccess(
  request: AccessRequest,
  policies: { readonly identity: readonly PolicyStatement[]; readonly resource: readonly PolicyStatement[] },
): AccessDecision {
  const matching = [...policies.identity, ...policies.resource].filter(statement =>
    statementMatches(statement, request),
  );
  const denying = matching.filter(({ effect }) => effect === 'Deny');
  if (denying.length > 0) return { status: 'explicit-deny', by: denying };
  return { status: matching.length > 0 ? 'allowed' : 'implicit-deny', by: matching };
}

export function statementMatches(statement: PolicyStatement, request: AccessRequest): boolean {
  const { principals, actions, resources, conditions } = statement;
  return (
    (principals === undefined || principals.some(name => name === '*' || name === request.principal)) &&
    listMatches(actions, pattern => actionMatches(pattern, request.action)) &&
    listMatches(resources, pattern => arnMatches(pattern, request.resource)) &&
    conditions.every(condition => conditionHolds(condition, request.context))
  );
}

function listMatches({ kind, patterns }: PatternList, matches: (pattern: string) => boolean): boolean {
  return patterns.some(matches) === (kind === 'any-of');
}

/** Actions are the same in any case. */
export function actionMatches(pattern: string, action: string): boolean {
  return textMatches(pattern.toLowerCase(), action.toLowerCase());
}

/** `*` stands for any characters, `/` too, but in each of the six parts of an ARN by itself. */
export function arnMatches(pattern: string, arn: string): boolean {
  if (pattern === '*') return true;
  const patternParts = arnParts(pattern);
  const parts = arnParts(arn);
  return patternParts.length === parts.length && patternParts.every((part, at) => textMatches(part, parts[at] ?? ''));
}

const arnPartCount = 6;

function arnParts(arn: string): readonly string[] {
  const parts = arn.split(':');
  return [...parts.slice(0, arnPartCount - 1), parts.slice(arnPartCount - 1).join(':')];
}

function textMatches(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, char => {
    if (char === '*') return '.*';
    return char === '?' ? '.' : `\\${char}`;
  });
  return new RegExp(`^${source}$`, 's').test(text);
}

/** Of a key that the request has not, only what is negated holds, and what asks for it `IfExists`. */
function conditionHolds(
  { operator, ifExists, key, values }: PolicyCondition,
  context: AccessRequest['context'],
): boolean {
  const found = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  if (operator === 'Null') return values.includes(String(found === undefined));
  const isNegated = operator.includes('Not');
  if (found === undefined) return ifExists || isNegated;
  return values.some(value => valueMatches(operator, value, found)) !== isNegated;
}

/** As the operator without its `Not`. */
function valueMatches(operator: Exclude<PolicyCondition['operator'], 'Null'>, value: string, found: string): boolean {
  switch (operator) {
    case 'StringEquals':
    case 'StringNotEquals':
      return value === found;
    case 'StringEqualsIgnoreCase':
    case 'StringNotEqualsIgnoreCase':
    case 'Bool':
      return value.toLowerCase() === found.toLowerCase();
    case 'StringLike':
    case 'StringNotLike':
      return textMatches(value, found);
    case 'ArnEquals':
    case 'ArnNotEquals':
    case 'ArnLike':
    case 'ArnNotLike':
      return arnMatches(value, found);
    case 'NumericEquals':
    case 'NumericNotEquals':
      return Number(found) === Number(value);
    case 'NumericLessThan':
      return Number(found) < Number(value);
    case 'NumericLessThanEquals':
      return Number(found) <= Number(value);
    case 'NumericGreaterThan':
      return Number(found) > Number(value);
    case 'NumericGreaterThanEquals':
      return Number(found) >= Number(value);
    default:
      return unreachable(operator);
  }
}
