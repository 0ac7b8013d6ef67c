/**
 * The git door: smart HTTP, protocol 0 to 2, with git's own programs behind it.
 *
 *   GET  …/info/refs?service=git-upload-pack | git-receive-pack     what is there
 *   POST …/git-upload-pack                                          clone and fetch
 *   POST …/git-receive-pack                                         push: see receive.ts
 *
 * Who may not read a repository is told nothing about whether it exists. Wrong credentials are answered 401 where AWS
 * answers 403, because git forgets a stored password only then.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';
import { isFault } from '#base/fault.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import type { House, Route } from '#services/service.ts';
import { createAdmission, type Admission } from './admission.ts';
import { identifyGit, parseBasic } from './credentials.ts';
import { createThrottle, type Throttle } from './throttle.ts';
import { recordVisit, type GitVisit } from './record.ts';
import { readRows, repositoryArn, type Room } from './room.ts';
import type { RepositoryRow } from './tables.ts';
import { NO_CACHE, Refusal, type GitService } from './refusal.ts';
import { advertise, receivePack, uploadPack, type Visit } from './transport.ts';

const PREFIX = '/v1/repos/';

const TARGET = /^(\/v1\/repos\/([A-Za-z0-9._-]{1,104}))\/(info\/refs|git-upload-pack|git-receive-pack)$/;

const PROTOCOL = /^[0-9A-Za-z]+=[0-9A-Za-z]+(?::[0-9A-Za-z]+=[0-9A-Za-z]+)*$/;

/** Of user names that are remembered for failures; session tokens make long ones. */
const USER_NAME_LENGTH_MAX = 64;

export function createGitRoute(room: Room): Route {
  const { clock, log } = room.house;
  const throttle = createThrottle(() => clock.now());
  const admission = createAdmission(
    { runningMax: 2 * availableParallelism() + 2, waitingMax: 100, waitMsMax: 60_000 },
    (delayMs, run) => clock.callAt(clock.now() + delayMs, run),
  );
  return {
    prefix: PREFIX,
    async handle(request, response) {
      const seen: Seen = { startedAt: clock.now(), source: request.socket.remoteAddress };
      response.once('close', () => audit(room.house, request, response, seen));
      try {
        await answer(room, { admission, throttle }, request, response, seen);
      } catch (error) {
        if (!(error instanceof Refusal)) log.error('codecommit: a git request failed', { error });
        if (response.headersSent) return void response.destroy();
        const refusal =
          error instanceof Refusal ? error : new Refusal(500, 'Something went wrong in the server.');
        request.resume();
        response.writeHead(refusal.status, {
          ...NO_CACHE,
          'content-type': 'text/plain; charset=utf-8',
          ...refusal.headers,
        });
        response.end(`${refusal.message}\n`);
      }
    },
  };
}

/** What is known of a request, for the record of it. */
interface Seen {
  readonly startedAt: number;
  readonly source: string | undefined;
  repository?: string;
  service?: GitService;
  principal?: string;
}

function audit(house: House, request: IncomingMessage, response: ServerResponse, seen: Seen): void {
  const { startedAt, ...known } = seen;
  house.log.info('git', {
    ...known,
    method: request.method,
    userAgent: request.headers['user-agent'],
    status: response.statusCode,
    isComplete: response.writableFinished,
    milliseconds: house.clock.now() - startedAt,
  });
}

interface Guards {
  readonly admission: Admission;
  readonly throttle: Throttle;
}

async function answer(
  room: Room,
  guards: Guards,
  request: IncomingMessage,
  response: ServerResponse,
  seen: Seen,
): Promise<void> {
  const { path, query } = splitUrl(request.url ?? '');
  const [, base = '', name = '', part = ''] = TARGET.exec(path) ?? [];
  if (part === '')
    throw new Refusal(404, 'There is nothing here. Clone URLs end with the name of a repository.');
  const service = serviceOf(request, part, query);
  seen.service = service;
  seen.repository = name;
  const principal = await identify(room.house, guards.throttle, request, base);
  seen.principal = principalArn(principal);
  const visited = {
    ...{ request, principal, service },
    repositoryName: name.replace(/\.git$/, ''),
    isTransfer: part !== 'info/refs',
  };
  const repository = await findAllowed(room, visited);
  const protocol = request.headers['git-protocol'];
  const isProtocol = typeof protocol === 'string' && PROTOCOL.test(protocol);
  const environment: Record<string, string> = isProtocol ? { GIT_PROTOCOL: protocol } : {};
  const leave = await guards.admission.enter();
  if (!leave)
    throw new Refusal(429, 'Too many git requests at the same time. Try again.', { 'retry-after': '5' });
  const visit: Visit = { request, response, repository, principal, environment };
  try {
    // What is transferred is recorded where it is known: see receive.ts and transport.ts.
    const recorded = { ...visited, repositoryId: repository.id };
    if (part === 'info/refs' && service === 'git-receive-pack') await recordVisit(room, recorded);
    if (part === 'info/refs') await advertise(room, visit, service);
    else if (service === 'git-upload-pack') await uploadPack(room, visit, recorded);
    else await receivePack(room, visit);
  } finally {
    leave();
  }
}

function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?');
  return {
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

function serviceOf(request: IncomingMessage, part: string, query: URLSearchParams): GitService {
  if (part === 'info/refs') {
    if (request.method !== 'GET') throw new Refusal(405, 'Only GET is possible here.', { allow: 'GET' });
    const service = query.get('service');
    if (service !== 'git-upload-pack' && service !== 'git-receive-pack') {
      throw new Refusal(403, 'Only the smart HTTP protocol is offered. Update your git.');
    }
    return service;
  }
  if (request.method !== 'POST') throw new Refusal(405, 'Only POST is possible here.', { allow: 'POST' });
  if (request.headers['content-type'] !== `application/x-${part}-request`) {
    throw new Refusal(415, `The content type must be application/x-${part}-request.`);
  }
  return part as GitService;
}

async function identify(
  house: House,
  throttle: Throttle,
  request: IncomingMessage,
  path: string,
): Promise<Principal> {
  const basic = parseBasic(request.headers.authorization);
  const challenge = { 'www-authenticate': 'Basic realm="codecommit"' };
  if (!basic) throw new Refusal(401, 'Git credentials are needed.', challenge);
  const who = `${request.socket.remoteAddress} ${basic.userName.slice(0, USER_NAME_LENGTH_MAX)}`;
  if (!throttle.isOpen(who)) {
    throw new Refusal(429, 'Too many wrong passwords. Wait a minute.', { 'retry-after': '60' });
  }
  const principal = await identifyGit(house, basic, { host: request.headers.host ?? '', path });
  if (principal) return principal;
  throttle.fail(who);
  throw new Refusal(401, 'The user name or password is not right, or the password has expired.', challenge);
}

async function findAllowed(room: Room, visited: Omit<GitVisit, 'repositoryId'>): Promise<RepositoryRow> {
  const { request, principal, service, repositoryName: name } = visited;
  const action = service === 'git-upload-pack' ? 'codecommit:GitPull' : 'codecommit:GitPush';
  try {
    const permission = { action, resource: repositoryArn(room.house, name) };
    await room.house.trust.authorize(principal, [permission], request);
  } catch (error) {
    if (!isFault(error)) throw error;
    const denied = { code: 'AccessDenied', message: error.message };
    await recordVisit(room, { ...visited, repositoryId: undefined, error: denied });
    throw new Refusal(403, error.message);
  }
  const row = await readRows(room.house)
    .selectFrom('codecommit_repository')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row) throw new Refusal(404, `The repository ${name} does not exist.`);
  return row;
}
