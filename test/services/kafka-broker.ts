/** A real Kafka broker, which is its own controller: one process on a port of loopback. */
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../scripts/cache-folder.ts';
import { type ChildService, startChildService } from './child-service.ts';
import { fetchedJars } from './maven-jars.ts';

export const kafkaVersion = '4.1.1';

const pom = fileURLToPath(new URL('kafka-pom.xml', import.meta.url));
/** Sixteen bytes in base64. */
const clusterId = 'dGlkZWxha2UtdGVzdC0xMg';
const keystorePassword = 'keystore-secret';
const readyMsMax = 120_000;

export type KafkaService = ChildService & {
  /** Of the authority that its certificate is from; there is one where it is `secured`. */
  readonly caFile: string | undefined;
};

/** Who may enter a secured broker, and whether they may do anything there. */
export const kafkaUsers = {
  allowed: { username: 'allowed', password: 'allowed-secret' },
  powerless: { username: 'powerless', password: 'powerless-secret' },
} as const;

/** @param secured connections are encrypted, users give passwords (PLAIN and SCRAM-SHA-512), and rights are asked for */
export async function startKafka({ secured = false }: { readonly secured?: boolean } = {}): Promise<KafkaService> {
  const properties = [`-Dkafka.version=${kafkaVersion}`];
  const jars = fetchedJars({ name: 'kafka', version: kafkaVersion, pom, properties });
  let caFile: string | undefined;
  const service = await startChildService({
    name: 'kafka',
    readyMsMax,
    ready: answers,
    command: (port, folder) => {
      if (secured) caFile = makeCertificate(folder);
      const settings = join(folder, 'server.properties');
      writeFileSync(settings, [...settingsOf(port, folder), ...(secured ? security(folder) : []), ''].join('\n'));
      const java = `java -Xmx384m -XX:TieredStopAtLevel=1 -cp '${join(jars, '*')}'`;
      const scram = Object.values(kafkaUsers).map(
        ({ username, password }) => `--add-scram 'SCRAM-SHA-512=[name=${username},password=${password}]'`,
      );
      const format = `${java} kafka.tools.StorageTool format --ignore-formatted -t ${clusterId} -c '${settings}' ${scram.join(' ')}`;
      return { file: 'sh', parameters: ['-c', `${format} && exec ${java} kafka.Kafka '${settings}'`] };
    },
  });
  return Object.assign(service, { caFile });
}

function settingsOf(port: number, folder: string): readonly string[] {
  // When it is taken, another pair is tried.
  const controller = `127.0.0.1:${port < 65_535 ? port + 1 : port - 1}`;
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@${controller}`,
    `listeners=CLIENTS://127.0.0.1:${port},CONTROLLER://${controller}`,
    `advertised.listeners=CLIENTS://127.0.0.1:${port}`,
    'listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name=CLIENTS',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    'offsets.topic.replication.factor=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'auto.create.topics.enable=false',
    // What has expired goes within a second, and who was killed is let in again as soon.
    'log.retention.check.interval.ms=200',
    'log.initial.task.delay.ms=100',
    'broker.heartbeat.interval.ms=200',
    'broker.session.timeout.ms=1000',
  ];
}

/** Later lines count. */
function security(folder: string): readonly string[] {
  const { username, password } = kafkaUsers.allowed;
  const users = Object.values(kafkaUsers).map(user => `user_${user.username}="${user.password}"`);
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required username="${username}" password="${password}" ${users.join(' ')};`;
  return [
    'listener.security.protocol.map=CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT',
    `ssl.keystore.location=${keystoreIn(folder)}`,
    `ssl.keystore.password=${keystorePassword}`,
    `ssl.truststore.location=${keystoreIn(folder)}`,
    `ssl.truststore.password=${keystorePassword}`,
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol=PLAIN',
    `listener.name.clients.plain.sasl.jaas.config=${plain}`,
    'listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // The controller's listener knows no users.
    `super.users=User:${username};User:ANONYMOUS`,
  ];
}

/** A key of the broker's and a certificate that it signed itself; @returns the file of the certificate */
function makeCertificate(folder: string): string {
  const caFile = join(folder, 'ca.pem');
  if (existsSync(caFile)) return caFile;
  const store = ['-keystore', keystoreIn(folder), '-storepass', keystorePassword, '-alias', 'broker'];
  const name = ['-dname', 'CN=localhost', '-ext', 'SAN=ip:127.0.0.1'];
  runProgram('keytool', ['-genkeypair', '-keyalg', 'EC', '-validity', '2', '-storetype', 'PKCS12', ...store, ...name]);
  runProgram('keytool', ['-exportcert', '-rfc', '-file', caFile, ...store]);
  return caFile;
}

function keystoreIn(folder: string): string {
  return join(folder, 'broker.p12');
}

async function answers(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
