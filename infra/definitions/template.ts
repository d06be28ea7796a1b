/** The whole lake as one plain CloudFormation template, and the part of it that osls does not make by itself. */
import { alarmResources } from './alarms.ts';
import {
  type CloudOutput,
  type CloudProperties,
  type CloudResources,
  type CloudTemplate,
  getAtt,
  join,
  ref,
} from './cloudformation.ts';
import { dashboardResources } from './dashboard.ts';
import { type Bundles, functionResources } from './function-resources.ts';
import { functionHandler } from './functions.ts';
import { codeParameters, conditions, parameterGroups, parameters } from './parameters.ts';
import { roleResources } from './rights.ts';
import { storageResources } from './storage.ts';

/** What there is besides the functions and what calls them. */
export const sharedResources: CloudResources = {
  ...storageResources,
  ...roleResources,
  ...alarmResources,
  ...dashboardResources,
};

export const sharedOutputs: { readonly [name: string]: CloudOutput } = {
  ReadPolicyArn: { Description: 'Policy for roles of this account that read', Value: ref('ReadLake') },
  ProducePolicyArn: { Description: 'Policy for roles of this account that append', Value: ref('ProduceToLake') },
  ReaderRoleArn: {
    Condition: 'ReadersAreElsewhere',
    Description: 'Role for readers of other accounts',
    Value: getAtt('ReaderRole', 'Arn'),
  },
  ProducerRoleArn: {
    Condition: 'ProducersAreElsewhere',
    Description: 'Role for producers of other accounts',
    Value: getAtt('ProducerRole', 'Arn'),
  },
  Warehouse: { Description: 'For --warehouse', Value: join('', ['s3://', ref('WarehouseBucket')]) },
  Log: { Description: 'For --log', Value: join('', ['kinesis://', ref('LogStream')]) },
  FailedEventsUrl: { Description: 'Queue of events that failed for good', Value: ref('FailedEvents') },
};

const urlOutputs: { readonly [name: string]: CloudOutput } = {
  QueryUrl: { Description: 'SQL over HTTPS', Value: getAtt('QueryLambdaFunctionUrl', 'FunctionUrl') },
  CatalogUrl: {
    Description: 'Tables, writes and subscriptions over HTTPS',
    Value: getAtt('CatalogLambdaFunctionUrl', 'FunctionUrl'),
  },
};

const description = 'Tidelake: a serverless streaming lakehouse';

/** Complete: the bundles are in a bucket that parameters name. */
export function warehouseTemplate(): CloudTemplate {
  return templateWith({ codeOf: codeInBucket, handler: functionHandler });
}

/** The same with the bundles elsewhere. */
export function templateWith(bundles: Bundles): CloudTemplate {
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: description,
    Metadata: parameterInterface(),
    Parameters: { ...codeParameters, ...parameters },
    Conditions: conditions,
    Resources: { ...sharedResources, ...functionResources(bundles) },
    Outputs: { ...sharedOutputs, ...urlOutputs },
  };
}

function codeInBucket(name: string): CloudProperties {
  return { S3Bucket: ref('CodeBucket'), S3Key: join('', [ref('CodePrefix'), `${name}.zip`]) };
}

function parameterInterface(): CloudProperties {
  const groups = { Code: codeParameters, ...parameterGroups };
  return {
    'AWS::CloudFormation::Interface': {
      ParameterGroups: Object.entries(groups).map(([label, group]) => ({
        Label: { default: label },
        Parameters: Object.keys(group),
      })),
    },
  };
}
