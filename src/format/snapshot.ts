/** The head of a table: one immutable JSON file per commit, `snapshot/snapshot-{id}`. @see spec 3.1 */
export type Snapshot = {
  /** 3. */
  readonly version: number;
  readonly id: number;
  readonly schemaId: number;
  readonly baseManifestList: string;
  readonly baseManifestListSize: number | undefined;
  readonly deltaManifestList: string;
  readonly deltaManifestListSize: number | undefined;
  readonly changelogManifestList: string | undefined;
  readonly changelogManifestListSize: number | undefined;
  readonly indexManifest: string | undefined;
  readonly commitUser: string;
  readonly commitIdentifier: bigint;
  readonly commitKind: CommitKind;
  readonly timeMillis: number;
  readonly totalRecordCount: bigint;
  readonly deltaRecordCount: bigint;
  readonly changelogRecordCount: bigint | undefined;
  readonly watermark: bigint | undefined;
  readonly statistics: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly nextRowId: bigint | undefined;
};

export type CommitKind = 'APPEND' | 'COMPACT' | 'OVERWRITE' | 'ANALYZE';
