/** `tidelake tag …`. */
import type { Command } from 'commander';
import { durationOf, timeOf, wholeNumber } from './arguments.ts';
import type { CliContext } from './global-options.ts';

type TagOptions = { readonly snapshot?: number; readonly retain?: number };
type Tags = import('../service/table-tags.ts').TableTags;
type TagAction = (tags: Tags) => Promise<string>;

export function registerTagCommands(program: Command, context: CliContext): void {
  const tag = program.command('tag').description('names for snapshots that stay');
  const create = tag.command('create').description('tag the newest snapshot of a table, or another');
  aboutSnapshot(create).action(async (table: string, name: string, options: TagOptions, command: Command) => {
    await withTags(context, command, table, async tags => {
      return `tag ${name} is snapshot ${await tags.create(name, asked(options))}`;
    });
  });
  const replace = tag.command('replace').description('let a tag be the newest snapshot, or another');
  aboutSnapshot(replace).action(async (table: string, name: string, options: TagOptions, command: Command) => {
    await withTags(context, command, table, async tags => {
      return `tag ${name} is snapshot ${await tags.replace(name, asked(options))}`;
    });
  });
  registerRest(tag, context);
}

function registerRest(tag: Command, context: CliContext): void {
  tag
    .command('rename')
    .description('give a tag another name')
    .argument('<db.table>')
    .argument('<name>')
    .argument('<new-name>')
    .action(async (table: string, name: string, newName: string, _options: object, command: Command) => {
      await withTags(context, command, table, async tags => {
        await tags.rename(name, newName);
        return `tag ${name} is ${newName} now`;
      });
    });
  tag
    .command('delete')
    .description('delete a tag')
    .argument('<db.table>')
    .argument('<name>')
    .action(async (table: string, name: string, _options: object, command: Command) => {
      await withTags(context, command, table, async tags => {
        await tags.delete(name);
        return `tag ${name} is gone`;
      });
    });
  tag
    .command('expire')
    .description('delete the tags whose time is over')
    .argument('<db.table>')
    .option('--older-than <iso>', 'and those that are older; UTC unless it says otherwise', timeOf)
    .action(async (table: string, { olderThan }: { readonly olderThan?: Date }, command: Command) => {
      await withTags(context, command, table, async tags => {
        const names = await tags.expire(olderThan === undefined ? {} : { olderThan });
        return names.length === 0 ? 'no tag has expired' : `expired ${names.join(', ')}`;
      });
    });
}

function aboutSnapshot(command: Command): Command {
  return command
    .argument('<db.table>')
    .argument('<name>')
    .option('--snapshot <id>', 'this one; the newest unless given', wholeNumber)
    .option('--retain <duration>', 'how long it is kept, such as 7d; for ever unless given', durationOf);
}

function asked({ snapshot, retain }: TagOptions): { readonly snapshotId?: number; readonly retainedMs?: number } {
  return {
    ...(snapshot === undefined ? {} : { snapshotId: snapshot }),
    ...(retain === undefined ? {} : { retainedMs: retain }),
  };
}

async function withTags(
  { console, withLake }: CliContext,
  command: Command,
  name: string,
  action: TagAction,
): Promise<void> {
  const { TableTags } = await import('../service/table-tags.ts');
  const { openLakeTable } = await import('../service/tables.ts');
  await withLake(command, { access: 'read-write' }, async parts => {
    console.say(await action(new TableTags(await openLakeTable(parts, name))));
  });
}
