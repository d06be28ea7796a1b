/**
 * A stack with a lake, a key and a topic of its own, and a function that appends to it.
 *
 *   npx cdk deploy --app 'node dist/cdk/example/app.js BUNDLES'
 */
import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { TidelakeWarehouse } from '../tidelake-warehouse.ts';

const [bundles = 'dist/functions'] = process.argv.slice(2);
const app = new App();
const stack = new Stack(app, 'Tidelake');

const encryptionKey = new Key(stack, 'Key', { enableKeyRotation: true });
encryptionKey.grantEncryptDecrypt(new ServicePrincipal(`logs.${stack.region}.amazonaws.com`));

const alarmTopic = new Topic(stack, 'Alarms', { enforceSSL: true, masterKey: encryptionKey });
// A topic with a policy of its own lets nobody publish whom the policy does not name.
alarmTopic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));

const lake = new TidelakeWarehouse(stack, 'Lake', {
  stage: 'prod',
  bundles,
  log: { mode: 'provisioned', shardCount: 2 },
  logRetention: Duration.days(7),
  encryptionKey,
  alarmTopic,
  tracing: 'active',
  tags: { team: 'data' },
});

const producer = new Role(stack, 'Producer', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
lake.grantProduce(producer);
const reader = new Role(stack, 'Reader', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
lake.grantRead(reader);

new CfnOutput(stack, 'Warehouse', { value: lake.warehouseAddress });
new CfnOutput(stack, 'Log', { value: lake.logAddress });
new CfnOutput(stack, 'QueryUrl', { value: lake.queryUrl });

app.synth();
