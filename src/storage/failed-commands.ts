/**
 * Which command of an SDK's client an error came of: the SDK does not say, and whoever is denied wants to know what right the
 * command takes.
 */

const commandByError = new WeakMap<object, string>();

/**
 * For the outermost middleware of a client.
 *
 * @param commandName as the SDK has it: `GetObjectCommand`
 */
export async function notingCommand<T>(commandName: string | undefined, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (typeof error === 'object' && error !== null && commandName !== undefined) {
      commandByError.set(error, commandName.replace(/Command$/, ''));
    }
    throw error;
  }
}

/** `GetObject`; undefined: it is not known. */
export function failedCommand(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? commandByError.get(error) : undefined;
}
