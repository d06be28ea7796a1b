// Has cdk-nag look at the construct as it comes: `node nag-app.mjs CONSTRUCT BUNDLES`, in a folder that has its packages.
import { App, Aspects, Stack } from 'aws-cdk-lib';
import { AwsSolutionsChecks, NagReportFormat } from 'cdk-nag';

const [construct, bundles] = process.argv.slice(2);
const { TidelakeWarehouse } = await import(construct);
const app = new App();
new TidelakeWarehouse(new Stack(app, 'Nag'), 'Lake', { stage: 'prod', bundles });
Aspects.of(app).add(new AwsSolutionsChecks({ reports: true, reportFormats: [NagReportFormat.JSON] }));
app.synth();
