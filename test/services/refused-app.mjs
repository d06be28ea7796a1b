// What the construct says of choices that make no sense: `node refused-app.mjs CONSTRUCT BUNDLES`, in a folder that has its packages.
import { App, Fn, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';

const [construct, bundles] = process.argv.slice(2);
const { TidelakeWarehouse } = await import(construct);
const app = new App();
const stack = new Stack(app, 'Refused');
const tried = [
  { readerAccounts: ['*'] },
  { producerAccounts: ['123456789012', 'arn:aws:iam::123456789012:root'] },
  { log: { mode: 'provisioned', shardCount: 0 } },
  { logGroupRetentionDays: 8 },
  { reservedConcurrency: { ingest: -2 } },
  { runtime: 'nodejs18.x' },
  // What only CloudFormation will know.
  { readerAccounts: [stack.account, '123456789012'], encryptionKey: new Key(stack, 'Key') },
  { readerAccounts: Fn.split(',', Fn.importValue('Readers')) },
];
const said = tried.map((props, index) => {
  try {
    new TidelakeWarehouse(stack, `Lake${index}`, { stage: 'prod', bundles, ...props });
    return 'taken';
  } catch (error) {
    return String(error.message);
  }
});
console.log(JSON.stringify(said));
