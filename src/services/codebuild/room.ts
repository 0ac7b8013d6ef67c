/** What the files of this room share: the house, the machine of builds, what runs here, and how things are named. */

import type { Kysely } from 'kysely';
import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { StatusApis } from '#core/build/commit-status.ts';
import type { BuildEffect, BuildEvent, BuildState } from '#core/build/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { Runtime } from '#runtimes/runtime.ts';
import type { House, Scope } from '#services/service.ts';
import type { LocalFolders } from './local-folders.ts';
import type { Running } from './running.ts';
import { BUILDS_AT_ONCE_MAX, invalid } from './settings.ts';
import { tables, type ProjectRow } from './tables.ts';
import type { Workplace } from './workplace.ts';

export type BuildMachine = Machine<BuildState, BuildEvent, BuildEffect>;

export interface Room {
  readonly house: House;
  readonly runtime: Runtime;
  readonly running: Running;
  readonly folders: LocalFolders;
  /** Where builds run here, which is no place for what nodes share. */
  readonly workplace: Workplace;
  readonly placing: () => Placing;
  readonly signs: SignsOfLife;
  readonly isHeard: () => boolean;
  /** How many builds of a fleet may run at the same time, by its ARN; see `workers.ts`. */
  readonly poolLimits: (kysely: Kysely<unknown>) => Promise<ReadonlyMap<string, number>>;
  /** Where the status of a commit is told. */
  readonly statusApis: StatusApis;
  /** The machine, once it is made; effects and operations send to it. */
  readonly machine: () => BuildMachine;
}

/** The queue of builds; see `placing.ts`. */
export interface Placing {
  /** Hears what other nodes say; once, at the start. */
  listen(): void;
  /** Places may have become free. */
  look(): void;
  /** Resolves when the build does not wait any more. */
  wait(id: string, signal: AbortSignal): Promise<void>;
  /** What a build that waits is waiting for, as a sentence. */
  explain(id: string): Promise<string | undefined>;
}

/** How the nodes that run builds know of each other; see `workers.ts`. */
export interface SignsOfLife {
  readonly beatMs: number;
  /** Silent for so long, a worker gets no new builds. */
  readonly freshMs: number;
  /** Silent for so long, a worker has lost those that it has. */
  readonly lostMs: number;
}

export const SERVICE = 'codebuild.amazonaws.com';
/** AWS lets five times as many wait as may run. */
export const BUILDS_QUEUED_MAX = 5 * BUILDS_AT_ONCE_MAX;

export function projectArn(scope: Scope, name: string): string {
  return arnOf('codebuild', scope.region, scope.account, `project/${name}`);
}

/** A project's name, given as name or ARN. */
export function projectName(nameOrArn: string | undefined): string {
  const name = nameOrArn ?? '';
  return name.startsWith('arn:') ? name.slice(name.indexOf(':project/') + ':project/'.length) : name;
}

/** Also a safe name of a folder. */
export function isProjectName(name: string): boolean {
  return /^[A-Za-z0-9][\w-]{1,254}$/.test(name);
}

/** A build's id, given as id or ARN. */
export function buildId(idOrArn: string | undefined): string {
  const given = idOrArn ?? '';
  const id = given.startsWith('arn:') ? given.slice(given.indexOf(':build/') + ':build/'.length) : given;
  if (!/^[A-Za-z0-9][\w.-]*:[\w-]+$/.test(id)) throw invalid('Invalid build ID provided');
  return id;
}

export function projectOfBuild(id: string): string {
  return id.slice(0, id.lastIndexOf(':'));
}

export async function findProject(house: House, name: string): Promise<ProjectRow | undefined> {
  return tables(house.database)
    .selectFrom('codebuild_project')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function requireProject(house: House, name: string): Promise<ProjectRow> {
  const row = await findProject(house, name);
  if (row) return row;
  throw fault('ResourceNotFoundException', `Project cannot be found: ${projectArn(house, name)}`);
}

/** The id of the build that has that uuid. */
export async function buildOfUuid(house: House, uuid: string): Promise<string | undefined> {
  const row = await tables(house.database)
    .selectFrom('codebuild_build')
    .select('build_id')
    .where('uuid', '=', uuid)
    .executeTakeFirst();
  return row?.build_id;
}

export async function requireBuild(room: Room, id: string): Promise<BuildState> {
  const state = await room.house.engine.read(room.machine(), id);
  if (state) return state;
  throw fault('ResourceNotFoundException', `Build ${id} does not exist`);
}

const PAGE_SIZE = 100;

/** One page of a query's rows: the token is the number of rows before it. */
export function pageStart(token: string | undefined): number {
  if (token === undefined) return 0;
  const digits = /^rows:(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (digits === undefined) throw invalid('Invalid nextToken');
  return Number(digits);
}

/** `rows` were read from `start`, one more than a page. */
export function pageOf<Row>(
  rows: readonly Row[],
  start: number,
  size = PAGE_SIZE,
): { rows: Row[]; nextToken?: string } {
  const page = rows.slice(0, size);
  if (rows.length <= size) return { rows: page };
  return { rows: page, nextToken: Buffer.from(`rows:${start + size}`).toString('base64url') };
}

export function pageSize(maxResults: number | undefined): number {
  return Math.min(maxResults ?? PAGE_SIZE, PAGE_SIZE);
}

export const PAGE_ROWS = PAGE_SIZE + 1;
