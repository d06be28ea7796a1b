/**
 * Procedures that Paimon 1.4.2 has, for Flink or for Spark, and that are not here: why, and what there is instead. Each is
 * refused by its name.
 */

const noCopies =
  'make a table like it (SHOW CREATE TABLE) and INSERT INTO … SELECT, or copy its folder while nobody writes it';
const noFunctions = 'functions and views of a catalog are not here; queries have those of DuckDB';
const noUsers = 'who may do what is told by the object store’s own policies, not by users in the table’s folder';
const noMigration = 'there is no Hive or Iceberg catalog to move tables out of; INSERT INTO … SELECT brings rows in';
const noGlobalIndex = 'indexes over a whole table are not supported; a table’s files may have indexes (file-index.*)';

export const refusedProcedures: Readonly<Record<string, string>> = {
  alter_function: noFunctions,
  alter_view_dialect: noFunctions,
  clone: noCopies,
  copy: noCopies,
  copy_files: noCopies,
  create_function: noFunctions,
  create_global_index: noGlobalIndex,
  create_privileged_user: noUsers,
  data_evolution_merge_into: 'tables with data-evolution.enabled are not supported; on others there is MERGE INTO',
  drop_function: noFunctions,
  drop_global_index: noGlobalIndex,
  drop_privileged_user: noUsers,
  grant_privilege_to_user: noUsers,
  init_file_based_privilege: noUsers,
  merge_into: 'write it as a statement, MERGE INTO',
  migrate_database: noMigration,
  migrate_file: noMigration,
  migrate_iceberg_table: noMigration,
  migrate_table: noMigration,
  query_service: 'it is a job of Flink that answers look-ups; the SDK’s lookup reads a row by its key',
  remove_unexisting_manifests:
    'which files a lost manifest named is not known; roll back to a snapshot that is whole (rollback_to)',
  repair: 'it brings a Hive metastore in line with the tables; here the folders are the catalog',
  revoke_privilege_from_user: noUsers,
  vector_search: noGlobalIndex,
};
