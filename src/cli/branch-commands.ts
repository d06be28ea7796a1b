/** `tidelake branch …` and `tidelake rollback`. */
import type { Command } from 'commander';
import { timeOf, wholeNumber } from './arguments.ts';
import type { CliContext } from './global-options.ts';

type Branches = import('../service/table-branches.ts').TableBranches;
type RollbackOptions = { readonly snapshot?: number; readonly tag?: string; readonly timestamp?: Date };

export function registerBranchCommands(program: Command, context: CliContext): void {
  const branch = program.command('branch').description('lines of a table that go their own way');
  registerBranchNames(branch, context);
  branch
    .command('fast-forward')
    .description('make the table what the branch is')
    .argument('<db.table>')
    .argument('<name>')
    .action(async (table: string, name: string, _options: object, command: Command) => {
      await withBranches(context, command, table, async branches => {
        const { snapshotId, isChanged } = await branches.fastForward(name, { signal: context.console.signal });
        return isChanged ? `${table} is branch ${name}, snapshot ${snapshotId}` : `${table} was branch ${name} already`;
      });
    });
  registerRollback(program, context);
}

function registerBranchNames(branch: Command, context: CliContext): void {
  branch
    .command('create')
    .description('make a branch, empty or from a tag')
    .argument('<db.table>')
    .argument('<name>')
    .option('--tag <name>', 'where it begins')
    .action(async (table: string, name: string, { tag }: { readonly tag?: string }, command: Command) => {
      await withBranches(context, command, table, async branches => {
        await branches.create(name, tag === undefined ? {} : { tag });
        return `branch ${name} is there: ${table}$branch_${name}`;
      });
    });
  branch
    .command('rename')
    .description('give a branch another name')
    .argument('<db.table>')
    .argument('<name>')
    .argument('<new-name>')
    .action(async (table: string, name: string, newName: string, _options: object, command: Command) => {
      await withBranches(context, command, table, async branches => {
        await branches.rename(name, newName);
        return `branch ${name} is ${newName} now`;
      });
    });
  branch
    .command('delete')
    .description('delete a branch')
    .argument('<db.table>')
    .argument('<name>')
    .action(async (table: string, name: string, _options: object, command: Command) => {
      await withBranches(context, command, table, async branches => {
        await branches.delete(name);
        return `branch ${name} is gone`;
      });
    });
}

function registerRollback(program: Command, { console, withLake }: CliContext): void {
  program
    .command('rollback')
    .description('put a table back to what it was, in a snapshot on top')
    .argument('<db.table>')
    .option('--snapshot <id>', 'as of this snapshot', wholeNumber)
    .option('--tag <name>', 'as of this tag')
    .option('--timestamp <iso>', 'as of this time; UTC unless it says otherwise', timeOf)
    .action(async (name: string, { snapshot, tag, timestamp }: RollbackOptions, command: Command) => {
      const points = [
        ...(snapshot === undefined ? [] : [{ snapshotId: snapshot }]),
        ...(tag === undefined ? [] : [{ tag }]),
        ...(timestamp === undefined ? [] : [{ timestamp }]),
      ];
      const [point] = points;
      if (point === undefined || points.length > 1) command.error('give one of --snapshot, --tag and --timestamp');
      const { rollbackLakeTable } = await import('../service/restore-lake-table.ts');
      const { openLakeTable } = await import('../service/tables.ts');
      await withLake(command, { access: 'read-write' }, async parts => {
        const table = await openLakeTable(parts, name);
        const { snapshotId, isChanged } = await rollbackLakeTable(parts, table, point, console.signal);
        const what = isChanged ? `snapshot ${snapshotId}` : 'it was so already';
        console.say(`rolled ${name} back: ${what}`);
      });
    });
}

async function withBranches(
  { console, withLake }: CliContext,
  command: Command,
  name: string,
  action: (branches: Branches) => Promise<string>,
): Promise<void> {
  const { TableBranches } = await import('../service/table-branches.ts');
  const { openLakeTable } = await import('../service/tables.ts');
  await withLake(command, { access: 'read-write' }, async parts => {
    console.say(await action(new TableBranches(parts, await openLakeTable(parts, name))));
  });
}
