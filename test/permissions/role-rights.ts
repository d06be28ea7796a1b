/**
 * What the roles of a template may do, as single rights: an action on a resource. Rights are what is taken away one by one,
 * and what must have been needed.
 */
import * as z from 'zod';
import { type PolicyStatement, parsePolicy } from './policy.ts';
import { deployedAccount, managedPolicyId, type ResolvedTemplate } from './resolve-template.ts';

/** One action on one resource, out of a statement that may allow more. */
export type Right = {
  /** Logical id of the role. */
  readonly role: string;
  readonly action: string;
  /** ARN with wildcards. */
  readonly resource: string;
  /** The right alone. */
  readonly statement: PolicyStatement;
};

export type RoleRights = {
  readonly role: string;
  readonly arn: string;
  readonly rights: readonly Right[];
  /** What is denied. */
  readonly denials: readonly PolicyStatement[];
};

const inlinePolicies = z.array(z.strictObject({ PolicyName: z.unknown(), PolicyDocument: z.unknown() })).default([]);
const names = z.array(z.string()).default([]);

export function roleArn(role: string): string {
  return `arn:aws:iam::${deployedAccount}:role/${role}`;
}

/** `IngestRole may s3:GetObject on arn:aws:s3:::lake/*`, the same for the same right. */
export function rightText({ role, action, resource }: Right): string {
  return `${role}: ${action} on ${resource}`;
}

/** @throws Error about a role with a policy of AWS's own, which changes without notice and allows too much */
export function rolesOf(template: ResolvedTemplate): readonly RoleRights[] {
  return [...template.resources].flatMap(([id, { type }]) => {
    if (type !== 'AWS::IAM::Role') return [];
    const statements = statementsOf(template, id);
    const allowing = statements.filter(({ effect }) => effect === 'Allow');
    return [
      {
        role: id,
        arn: roleArn(id),
        rights: allowing.flatMap(statement => rightsOf(id, statement)),
        denials: statements.filter(({ effect }) => effect === 'Deny'),
      },
    ];
  });
}

/** Of the bucket's own policy. */
export function bucketStatements(template: ResolvedTemplate): readonly PolicyStatement[] {
  return [...template.resources].flatMap(([id, { type, properties }]) =>
    type === 'AWS::S3::BucketPolicy' ? parsePolicy(id, properties['PolicyDocument']) : [],
  );
}

function statementsOf(template: ResolvedTemplate, role: string): readonly PolicyStatement[] {
  const properties = template.resources.get(role)?.properties ?? {};
  if (properties['PermissionsBoundary'] !== undefined) {
    throw new Error(`${role}: a permissions boundary is not looked at here`);
  }
  const inline = inlinePolicies
    .parse(properties['Policies'])
    .flatMap(({ PolicyName: name, PolicyDocument: document }) => parsePolicy(`${role}/${String(name)}`, document));
  const managed = names.parse(properties['ManagedPolicyArns']).flatMap(arn => {
    const id = managedPolicyId(arn);
    const policy = id === undefined ? undefined : template.resources.get(id);
    if (policy === undefined) throw new Error(`${role}: ${arn} is no policy of this template`);
    return parsePolicy(`${role}/${id}`, policy.properties['PolicyDocument']);
  });
  const attached = [...template.resources].flatMap(([id, { type, properties: policy }]) => {
    if (type !== 'AWS::IAM::Policy' && type !== 'AWS::IAM::ManagedPolicy' && type !== 'AWS::IAM::RolePolicy') return [];
    const isOfRole = names.parse(policy['Roles']).includes(`tidelake-test-${role}`);
    return isOfRole || policy['RoleName'] === `tidelake-test-${role}`
      ? parsePolicy(`${role}/${id}`, policy['PolicyDocument'])
      : [];
  });
  return [...inline, ...managed, ...attached];
}

function rightsOf(role: string, statement: PolicyStatement): readonly Right[] {
  const { actions, resources, origin } = statement;
  if (actions.kind === 'none-of' || resources.kind === 'none-of') {
    throw new Error(`${origin}: allows what it does not name`);
  }
  return actions.patterns.flatMap(action =>
    resources.patterns.map(resource => ({
      role,
      action,
      resource,
      statement: {
        ...statement,
        actions: { kind: 'any-of' as const, patterns: [action] },
        resources: { kind: 'any-of' as const, patterns: [resource] },
      },
    })),
  );
}
