import { toolCommand } from '../../scripts/cloud-tools.ts';
import { type ChildService, startChildService } from './child-service.ts';

export type Moto = AsyncDisposable & {
  readonly endpoint: string;
  /** Sends a request to one of its services, without a body. */
  ask(service: string, path: string): Promise<unknown>;
};

/** Starts moto: AWS's own calls, CloudFormation among them, with nothing behind that would run a function. */
export async function startMoto(region: string): Promise<Moto> {
  const [file = '', ...parameters] = toolCommand('moto');
  const service: ChildService = await startChildService({
    name: 'moto',
    command: port => ({ file, parameters: [...parameters, '-H', '127.0.0.1', '-p', String(port)] }),
    ready: async port => void (await fetch(`http://127.0.0.1:${port}/moto-api/`)),
    readyMsMax: 60_000,
  });
  const endpoint = `http://127.0.0.1:${service.port}`;
  return {
    endpoint,
    async ask(name, path) {
      // Moto looks here for the service that is meant, and at no signature.
      const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/${name}/aws4_request`;
      const response = await fetch(`${endpoint}${path}`, { headers: { authorization } });
      if (!response.ok) throw new Error(`moto: ${path}: status ${response.status}`);
      return await response.json();
    },
    [Symbol.asyncDispose]: () => service.stop(),
  };
}
