/**
 * Build badges: a small picture of how the last build of a branch went, for anybody who has its URL. The URL names the
 * project in a way that only this house can make, and nothing else is told.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-badges.html
 */

import { timingSafeEqual } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { BuildState } from '#core/build/state.ts';
import type { House, Route } from '#services/service.ts';
import { findProject, type Room } from './room.ts';
import { tables } from './tables.ts';

const PATH = '/badges';
/** Not only the path, which may be that of a bucket. */
const PREFIX = `${PATH}?uuid=`;
/** How far back the last build of a branch is looked for. */
const BUILDS_LOOKED_AT_MAX = 50;
const DEFAULT_BRANCH = 'main';

type BadgeState = 'passing' | 'failing' | 'in progress' | 'unknown';

const COLORS: Readonly<Record<BadgeState, string>> = {
  passing: '#2e7d32',
  failing: '#c62828',
  'in progress': '#1565c0',
  unknown: '#616161',
};

export function badgeUrl(house: House, endpoint: string, project: string): string {
  return `${endpoint}${PREFIX}${badgeId(house, project)}&branch=${DEFAULT_BRANCH}`;
}

export function badgesRoute(room: Room): Route {
  return {
    prefix: PREFIX,
    async handle(request, response) {
      const url = new URL(request.url ?? '', 'http://localhost');
      const project = projectOf(room.house, url.searchParams.get('uuid') ?? '');
      if (request.method !== 'GET' || url.pathname !== PATH || project === undefined) {
        answer(response, 404, 'text/plain', 'There is no badge at this URL.\n');
        return;
      }
      const tag = url.searchParams.get('tag');
      const version = tag ?? url.searchParams.get('branch') ?? DEFAULT_BRANCH;
      answer(response, 200, 'image/svg+xml', draw(await stateOf(room, project, version, tag === null)));
    },
  };
}

async function stateOf(room: Room, project: string, version: string, isBranch: boolean): Promise<BadgeState> {
  const { house } = room;
  const row = await findProject(house, project);
  const settings =
    row && (JSON.parse(row.settings) as { badge?: { badgeEnabled?: boolean }; sourceVersion?: string });
  if (!settings?.badge?.badgeEnabled) return 'unknown';
  const rows = await tables(house.database)
    .selectFrom('codebuild_build')
    .select('build_id')
    .where('project_name', '=', project)
    .orderBy('number', 'desc')
    .limit(BUILDS_LOOKED_AT_MAX)
    .execute();
  for (const { build_id } of rows) {
    const build = await house.engine.read(room.machine(), build_id);
    if (!build || !isOf(build, version, isBranch)) continue;
    if (!build.isComplete) return 'in progress';
    return build.status === 'SUCCEEDED' ? 'passing' : 'failing';
  }
  return 'unknown';
}

/** A build that names no version is of the default branch. */
function isOf({ plan }: BuildState, version: string, isBranch: boolean): boolean {
  const head = plan.webhook?.['CODEBUILD_WEBHOOK_HEAD_REF'];
  const built = (head ?? plan.sourceVersion ?? '').replace(/\^\{[0-9a-f]+\}$/, '');
  if (built === '') return isBranch && version === DEFAULT_BRANCH;
  return built === version || built === `refs/${isBranch ? 'heads' : 'tags'}/${version}`;
}

function badgeId(house: House, project: string): string {
  return `${Buffer.from(project).toString('base64url')}.${house.keyring.derive('codebuild-badge', project).toString('base64url')}`;
}

function projectOf(house: House, id: string): string | undefined {
  const project = Buffer.from(id.split('.', 1)[0] ?? '', 'base64url').toString();
  const given = Buffer.from(id);
  const expected = Buffer.from(badgeId(house, project));
  return given.length === expected.length && timingSafeEqual(given, expected) ? project : undefined;
}

function draw(state: BadgeState): string {
  const left = 46;
  const right = 14 + state.length * 7;
  const text = (x: number, word: string) => `<text x="${x}" y="14" text-anchor="middle">${word}</text>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="build: ${state}">` +
    `<rect width="${left}" height="20" fill="#424242"/>` +
    `<rect x="${left}" width="${right}" height="20" fill="${COLORS[state]}"/>` +
    `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">` +
    `${text(left / 2, 'build')}${text(left + right / 2, state)}</g></svg>\n`
  );
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
