/** What an AppSpec file of EC2/on-premises deployments says, after parsing: the vocabulary of this folder. */

export type Platform = 'linux' | 'windows';
export type FileExistsBehavior = 'DISALLOW' | 'OVERWRITE' | 'RETAIN';

export interface AppSpec {
  readonly os: Platform;
  readonly files: readonly FileMapping[];
  readonly fileExistsBehavior: FileExistsBehavior | undefined;
  readonly permissions: readonly PermissionRule[];
  /** By lifecycle event; events without scripts are absent. */
  readonly hooks: Readonly<Record<string, readonly Script[]>>;
}

export interface FileMapping {
  readonly source: string;
  readonly destination: string;
}

export interface Script {
  /** Path inside the bundle. */
  readonly location: string;
  readonly timeoutSeconds: number;
  readonly runAs: string | undefined;
}

export interface AppSpecFault {
  readonly message: string;
  /** 1 for the first line; absent when the fault is about the whole file. */
  readonly line?: number;
}

export interface PermissionRule {
  readonly object: string;
  /** `**` at any depth; any other pattern matches immediate children, `*` being its only wildcard. */
  readonly pattern: string;
  readonly except: readonly string[];
  readonly types: readonly ('file' | 'directory')[];
  readonly owner: string | undefined;
  readonly group: string | undefined;
  /** Three or four octal digits. */
  readonly mode: string | undefined;
  readonly acls: readonly string[];
  readonly context: SecurityContext | undefined;
}

export interface SecurityContext {
  readonly user: string | undefined;
  readonly type: string;
  readonly range: string | undefined;
}
