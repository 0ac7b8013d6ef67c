/**
 * A build's credentials: sessions of its service role, given to its commands through the container credentials
 * endpoint of AWS's SDKs, and only there. The endpoint knows a build by its random id and a token derived for it, and
 * answers while the build runs. Below it, git in a build that wants so is told how to log in.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */

import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isFault } from '#base/fault.ts';
import type { BuildPlan, BuildState } from '#core/build/state.ts';
import type { Assumed, House, Route } from '#services/service.ts';
import { assumePipelineRoles } from './command-builds.ts';
import { projectArn } from './room.ts';

export const CREDENTIALS_PREFIX = '/_slipway/credentials/';
/** SDKs ask again five minutes before the end. */
const RENEW_MS = 15 * 60_000;

/** Whose role, and for which project. */
export type RolePlan = Pick<BuildPlan, 'uuid' | 'projectName' | 'serviceRole' | 'pipeline'>;

export interface RoleSessions {
  /** A session that lasts for a while. Throws the fault of sts:AssumeRole. */
  of(plan: RolePlan): Promise<Assumed>;
  forget(uuid: string): void;
}

export function createRoleSessions(house: House): RoleSessions {
  const sessions = new Map<string, Promise<Assumed>>();
  const assume = ({ pipeline, serviceRole, uuid, projectName }: RolePlan) =>
    pipeline
      ? assumePipelineRoles(house, pipeline)
      : house.assumeRole({
          service: 'codebuild',
          roleArn: serviceRole,
          sessionName: `AWSCodeBuild-${uuid}`,
          sourceArn: projectArn(house, projectName),
        });
  return {
    async of(plan) {
      const kept = await sessions.get(plan.uuid);
      if (kept && (kept.credentials.expiresAt ?? Infinity) - house.clock.now() > RENEW_MS) return kept;
      const fresh = assume(plan);
      sessions.set(plan.uuid, fresh);
      fresh.catch(() => sessions.delete(plan.uuid));
      return fresh;
    },
    forget: (uuid) => void sessions.delete(uuid),
  };
}

/** A build, or an interactive sandbox that is planned like one. */
export type Work = Pick<BuildState, 'plan' | 'isComplete'> & { readonly ending?: string };

export function credentialsToken(house: House, uuid: string): string {
  return house.keyring.derive('codebuild-credentials', uuid).toString('base64url');
}

export function credentialsRoute(
  house: House,
  sessions: RoleSessions,
  findWork: (uuid: string) => Promise<Work | undefined>,
  gitLogin: (work: Work, asked: URLSearchParams, host: string) => Promise<object | undefined>,
): Route {
  return {
    prefix: CREDENTIALS_PREFIX,
    async handle(request, response) {
      const [uuid = '', rest] = (request.url ?? '').slice(CREDENTIALS_PREFIX.length).split('/', 2);
      if (request.method !== 'GET' || !/^[0-9a-f-]{36}$/.test(uuid) || !isAuthorized(house, uuid, request)) {
        return answer(response, 403, {
          code: 'AccessDenied',
          message: 'The authorization token is not valid.',
        });
      }
      const state = await findWork(uuid);
      if (!state || state.isComplete || state.ending) {
        return answer(response, 404, { code: 'BuildEnded', message: 'The build has ended.' });
      }
      try {
        if (rest !== undefined) {
          const asked = new URLSearchParams(rest.slice(rest.indexOf('?') + 1));
          const login = await gitLogin(state, asked, request.headers.host ?? '');
          return login ? answer(response, 200, login) : answer(response, 404, { code: 'NoCredentials' });
        }
        const { credentials } = await sessions.of(state.plan);
        answer(response, 200, {
          RoleArn: state.plan.serviceRole,
          AccessKeyId: credentials.accessKeyId,
          SecretAccessKey: credentials.secretAccessKey,
          Token: credentials.sessionToken,
          Expiration: new Date(credentials.expiresAt ?? 0).toISOString(),
        });
      } catch (error) {
        if (!isFault(error)) throw error;
        answer(response, 403, { code: error.code, message: error.message });
      }
    },
  };
}

function isAuthorized(house: House, uuid: string, request: IncomingMessage): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const expected = Buffer.from(credentialsToken(house, uuid));
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
