/**
 * A lake as a CDK construct, made from the same definitions as the plain template and serverless.yml. Its functions are the
 * bundles that `npm run bundle` makes, as assets.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duration, Tags, Token } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { type IStream, Stream } from 'aws-cdk-lib/aws-kinesis';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';
import { type Choices, chosenTemplate } from '../definitions/choose.ts';
import type { CloudProperties } from '../definitions/cloudformation.ts';
import { type FunctionName, functionId, urlId } from '../definitions/functions.ts';
import { concurrencyParameter, faultOf, parameters } from '../definitions/parameters.ts';
import { produceActions, readActions, type SharedActions } from '../definitions/rights.ts';
import { templateWith } from '../definitions/template.ts';

/** What is left out is as in the plain template. */
export type TidelakeWarehouseProps = {
  /** Functions, log groups and metrics are named after it: `tidelake-STAGE-ingest`. */
  readonly stage: string;
  /** The folder with the bundles, `dist/functions`; they must be made for the architecture. */
  readonly bundles: string;
  readonly log?: { readonly mode: 'on-demand' } | { readonly mode: 'provisioned'; readonly shardCount: number };
  readonly logRetention?: Duration;
  readonly groupCommit?: 'on' | 'off';
  /** Whether tables whose option `schema.evolution` is `adopt` may take over columns that rows bring. Default: off. */
  readonly adoptColumns?: 'on' | 'off';
  readonly runtime?: 'nodejs22.x' | 'nodejs24.x';
  readonly architecture?: 'arm64' | 'x86_64';
  readonly logGroupRetentionDays?: number;
  readonly tracing?: 'active' | 'pass-through';
  /** For the bucket, the streams and the log groups; CloudWatch Logs must be allowed to use it. */
  readonly encryptionKey?: IKey;
  readonly accessLogBucket?: IBucket;
  /** Is told of every alarm. */
  readonly alarmTopic?: ITopic;
  readonly reservedConcurrency?: { readonly [name in FunctionName]?: number };
  /** Account numbers. */
  readonly readerAccounts?: readonly string[];
  readonly producerAccounts?: readonly string[];
  readonly tags?: { readonly [name: string]: string };
};

export class TidelakeWarehouse extends Construct {
  readonly bucket: IBucket;
  /** The log. */
  readonly stream: IStream;
  readonly functions: Readonly<Record<FunctionName, IFunction>>;
  /** For settings of whoever reads or writes: `s3://…` and `kinesis://…`. */
  readonly warehouseAddress: string;
  readonly logAddress: string;
  readonly queryUrl: string;
  readonly catalogUrl: string;
  readonly #encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, props: TidelakeWarehouseProps) {
    super(scope, id);
    const included = this.#include(props);
    const made = (logicalId: string): string => included.getResource(logicalId).ref;
    const attribute = (logicalId: string, name: string): string =>
      included.getResource(logicalId).getAtt(name).toString();
    const key = props.encryptionKey === undefined ? {} : { encryptionKey: props.encryptionKey };
    this.#encryptionKey = props.encryptionKey;
    const bucketArn = attribute('WarehouseBucket', 'Arn');
    this.bucket = Bucket.fromBucketAttributes(this, 'Bucket', {
      bucketArn,
      bucketName: made('WarehouseBucket'),
      ...key,
    });
    this.stream = Stream.fromStreamAttributes(this, 'Log', { streamArn: attribute('LogStream', 'Arn'), ...key });
    this.functions = allFunctions(name =>
      LambdaFunction.fromFunctionAttributes(this, `${name}Function`, {
        functionArn: attribute(functionId(name), 'Arn'),
        sameEnvironment: true,
      }),
    );
    this.warehouseAddress = `s3://${made('WarehouseBucket')}`;
    this.logAddress = `kinesis://${made('LogStream')}`;
    this.queryUrl = attribute(urlId('query'), 'FunctionUrl');
    this.catalogUrl = attribute(urlId('catalog'), 'FunctionUrl');
    for (const [name, value] of Object.entries(props.tags ?? {})) Tags.of(this).add(name, value);
  }

  /** Lets somebody of this account read tables and the log. */
  grantRead(grantee: IGrantable): Grant {
    return this.#grant(grantee, readActions);
  }

  /** Lets somebody of this account append rows to the log. */
  grantProduce(grantee: IGrantable): Grant {
    return this.#grant(grantee, produceActions);
  }

  #grant(grantee: IGrantable, rights: SharedActions): Grant {
    const { bucketArn } = this.bucket;
    const grants = [
      Grant.addToPrincipal({ grantee, actions: [...rights.bucket], resourceArns: [bucketArn] }),
      ...rights.keys.map(({ action, patterns }) => {
        const resourceArns = patterns.map(pattern => `${bucketArn}/${pattern}`);
        return Grant.addToPrincipal({ grantee, actions: [action], resourceArns });
      }),
      Grant.addToPrincipal({ grantee, actions: [...rights.log], resourceArns: [this.stream.streamArn] }),
    ];
    if (this.#encryptionKey !== undefined) grants.push(this.#encryptionKey.grant(grantee, ...rights.key));
    return grants.reduce((all, grant) => all.combine(grant));
  }

  #include(props: TidelakeWarehouseProps): CfnInclude {
    const codeOf = (name: string): CloudProperties => {
      const asset = new Asset(this, `${name}Bundle`, { path: join(props.bundles, name) });
      return { S3Bucket: asset.s3BucketName, S3Key: asset.s3ObjectKey };
    };
    const { Resources } = chosenTemplate(templateWith({ codeOf, handler: () => 'index.handler' }), choicesOf(props));
    const folder = mkdtempSync(join(tmpdir(), 'tidelake-cdk-'));
    try {
      const templateFile = join(folder, 'template.json');
      writeFileSync(templateFile, JSON.stringify({ Resources }));
      return new CfnInclude(this, 'Template', { templateFile, preserveLogicalIds: false });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** @throws Error about what the plain template would not take either */
function choicesOf(props: TidelakeWarehouseProps): Choices {
  const { log, logRetention, encryptionKey, accessLogBucket, alarmTopic, readerAccounts, producerAccounts } = props;
  const given = {
    'AWS::StackName': `tidelake-${props.stage}`,
    LogMode: log?.mode === 'on-demand' ? 'ON_DEMAND' : 'PROVISIONED',
    LogShards: log?.mode === 'provisioned' ? log.shardCount : undefined,
    LogRetentionHours: logRetention?.toHours(),
    GroupCommit: props.groupCommit?.toUpperCase(),
    AdoptColumns: props.adoptColumns?.toUpperCase(),
    Runtime: props.runtime,
    Architecture: props.architecture,
    LogGroupRetentionDays: props.logGroupRetentionDays,
    Tracing: props.tracing === 'active' ? 'Active' : undefined,
    KmsKeyArn: encryptionKey?.keyArn,
    AccessLogBucket: accessLogBucket?.bucketName,
    AlarmTopicArn: alarmTopic?.topicArn,
    ReaderAccounts: readerAccounts,
    ProducerAccounts: producerAccounts,
  };
  const reserved = Object.entries(props.reservedConcurrency ?? {});
  const choices = [...Object.entries(given), ...reserved.map(([name, n]) => [concurrencyParameter(name), n] as const)];
  const made: Record<string, NonNullable<(typeof choices)[number][1]>> = {};
  for (const [name, value] of choices) {
    if (value === undefined) continue;
    checkChoice(name, value);
    made[name] = value;
  }
  return made;
}

/** What only CloudFormation will know is left to it. */
function checkChoice(name: string, value: string | number | readonly string[]): void {
  const parameter = parameters[name];
  if (parameter === undefined || Token.isUnresolved(value)) return;
  const known = [value].flat().filter(part => !Token.isUnresolved(part));
  const fault = faultOf(parameter, known.join(','));
  if (known.length > 0 && fault !== undefined) throw new Error(`${name} ${known.join(',')}: ${fault}`);
}

function allFunctions<Value>(make: (name: FunctionName) => Value): Readonly<Record<FunctionName, Value>> {
  return {
    ingest: make('ingest'),
    commit: make('commit'),
    compact: make('compact'),
    maintain: make('maintain'),
    query: make('query'),
    catalog: make('catalog'),
  };
}
