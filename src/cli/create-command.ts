/** `tidelake create`. */
import type { Command } from 'commander';
import type { CliContext } from './global-options.ts';
import { inputFile } from './input.ts';

type CreateOptions = { readonly ddl?: string; readonly schema?: string };

export function registerCreateCommand(program: Command, { console, withLake }: CliContext): void {
  program
    .command('create')
    .description('make a table')
    .argument('<db.table>')
    .option('--ddl <statement>', 'a CREATE TABLE statement')
    .option('--schema <file>', 'a schema file in Paimon’s form')
    .action(async (name: string, { ddl, schema }: CreateOptions, command: Command) => {
      if ((ddl === undefined) === (schema === undefined)) command.error('give either --ddl or --schema');
      const { createTableFromDdl, createTableFromSchemaFile } = await import('../service/tables.ts');
      const file = schema === undefined ? undefined : { bytes: await inputFile(schema), where: schema };
      await withLake(command, { access: 'read-write' }, async parts => {
        if (ddl !== undefined) await createTableFromDdl(parts, name, ddl);
        if (file !== undefined) await createTableFromSchemaFile(parts, name, file);
      });
      console.say(`created ${name}`);
    });
}
