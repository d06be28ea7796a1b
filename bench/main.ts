/** `npm run bench -- NAME`: runs one benchmark; each prints a line of JSON. Without a name it lists what there is. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder)
  .filter(name => name.endsWith('.ts') && name !== 'main.ts')
  .map(name => name.slice(0, -'.ts'.length));
const [name] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  console.error(
    `${name === undefined ? 'Which benchmark?' : `There is no benchmark ${name}.`} There are: ${names.join(', ')}`,
  );
  process.exit(2);
}
await import(new URL(`./${name}.ts`, import.meta.url).href);
