/**
 * The door for deliveries: `POST /webhooks?t=<token>` by a provider without AWS credentials. Unknown URL 404, not
 * authentic 403, no JSON 400, otherwise 200 with what became of it. A delivery that comes again under its id starts
 * nothing more. Nothing of a body, a secret or a URL is ever logged.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createUuid } from '#base/chance.ts';
import { isFault } from '#base/fault.ts';
import { readBitbucket } from '#core/webhook/bitbucket.ts';
import { passesFilters, webhookVariables, type RepositoryEvent } from '#core/webhook/event.ts';
import { readGithub } from '#core/webhook/github.ts';
import { readGitlab } from '#core/webhook/gitlab.ts';
import type { Route } from '#services/service.ts';
import { startWebhookBatch, type Batches } from './batches/index.ts';
import { createMatches } from './patterns.ts';
import { planBuild } from './plan.ts';
import { settingsOf } from './projects.ts';
import { findProject, SERVICE, type Room } from './room.ts';
import type { ProjectSettings } from './settings.ts';
import { startBuild } from './starting.ts';
import type { WebhookRow } from './tables.ts';
import {
  findWebhookByToken,
  secretOf,
  settingsOfWebhook,
  WEBHOOK_PATH,
  WEBHOOK_PREFIX,
} from './webhook-rows.ts';

const BODY_BYTES_MAX = 5 * 1024 * 1024;
const BODY_MS_MAX = 30_000;
const DELIVERIES_MAX = 64;
const SENDER_LENGTH_MAX = 100;

/** Ends a delivery early; nothing was started. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function webhookRoute(room: Room, batches: Batches): Route {
  let running = 0;
  return {
    prefix: WEBHOOK_PREFIX,
    async handle(request, response) {
      try {
        if (running >= DELIVERIES_MAX) throw new Refused(429, 'Too many deliveries at the same time.');
        running++;
        try {
          send(response, 200, await deliver(room, batches, request));
        } finally {
          running--;
        }
      } catch (error) {
        if (error instanceof Refused) return send(response, error.status, { message: error.message });
        room.house.log.error('a webhook delivery failed', { error });
        send(response, 500, { message: 'Something went wrong in the server.' });
      }
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(JSON.stringify(body));
}

async function deliver(room: Room, batches: Batches, request: IncomingMessage): Promise<object> {
  const { house } = room;
  const url = new URL(request.url ?? '', 'http://localhost');
  const row =
    url.pathname === WEBHOOK_PATH
      ? await findWebhookByToken(house, url.searchParams.get('t') ?? '')
      : undefined;
  const project = row && (await findProject(house, row.project_name));
  if (!row || !project) throw new Refused(404, 'There is no webhook at this URL.');
  if (request.method !== 'POST') throw new Refused(405, 'Only POST is possible here.');
  const body = await readBody(room, request);
  const secret = secretOf(house, row);
  if (secret !== undefined && !isAuthentic(request.headers, body, secret)) {
    house.log.warn('a webhook delivery was not authentic', { project: project.name });
    throw new Refused(403, 'The delivery is not authentic.');
  }
  const settings = settingsOf(project);
  const events = readEvents(settings.source?.type ?? '', request.headers, parse(request.headers, body));
  const builds: string[] = [];
  for (const [i, event] of events.entries()) {
    if (!(await isWanted(row, event))) continue;
    const delivery = `${deliveryId(request.headers, body)}/${i}`;
    builds.push(
      await start(room, batches, row, settings, event, delivery, request.headers['user-agent'] ?? 'webhook'),
    );
  }
  return builds.length > 0 ? { builds } : { message: 'The delivery starts no build.' };
}

async function readBody(room: Room, request: IncomingMessage): Promise<Buffer> {
  const { clock } = room.house;
  const chunks: Buffer[] = [];
  let size = 0;
  const cancel = clock.callAt(clock.now() + BODY_MS_MAX, () => request.destroy());
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > BODY_BYTES_MAX) throw new Refused(413, `The body is larger than ${BODY_BYTES_MAX} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refused || !request.destroyed) throw error;
    throw new Refused(408, 'The body did not arrive.');
  } finally {
    cancel();
  }
  return Buffer.concat(chunks);
}

/** GitHub signs with the secret, GitLab sends it along. */
function isAuthentic(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const given = headers['x-gitlab-token'] ?? headers['x-hub-signature-256'] ?? headers['x-hub-signature'];
  const sign = (algorithm: string) =>
    `${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}`;
  const expected =
    headers['x-gitlab-token'] === undefined
      ? sign(headers['x-hub-signature-256'] === undefined ? 'sha1' : 'sha256')
      : secret;
  const [left, right] = [Buffer.from(typeof given === 'string' ? given : ''), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** GitHub can also be told to send its JSON as a form. */
function parse(headers: IncomingHttpHeaders, body: Buffer): unknown {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  const text = isForm ? (new URLSearchParams(body.toString()).get('payload') ?? '') : body.toString();
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new Refused(400, 'The body is not JSON.');
    throw cause;
  }
}

function readEvents(sourceType: string, headers: IncomingHttpHeaders, body: unknown): RepositoryEvent[] {
  const header = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : '';
  };
  if (sourceType.startsWith('GITLAB')) return readGitlab(header('x-gitlab-event'), body);
  if (sourceType === 'BITBUCKET') return readBitbucket(header('x-event-key'), body);
  return readGithub(header('x-github-event'), body);
}

function deliveryId(headers: IncomingHttpHeaders, body: Buffer): string {
  const id = headers['x-github-delivery'] ?? headers['x-gitlab-event-uuid'] ?? headers['x-request-uuid'];
  return createHash('sha256')
    .update(typeof id === 'string' ? id : body)
    .digest('hex');
}

async function isWanted(row: WebhookRow, event: RepositoryEvent): Promise<boolean> {
  const {
    filterGroups = [],
    branchFilter,
    buildType,
    pullRequestBuildPolicy: policy,
  } = settingsOfWebhook(row);
  if (buildType === 'RUNNER_BUILDKITE_BUILD' || event.type === 'WORKFLOW_JOB_QUEUED') return false;
  // Whoever wants comments to be asked first gets no build: comments are not heard here.
  const asked = policy?.requiresCommentApproval ?? 'DISABLED';
  const isRequest = event.type.startsWith('PULL_REQUEST');
  if (isRequest && (asked === 'ALL_PULL_REQUESTS' || (asked === 'FORK_PULL_REQUESTS' && event.isFork)))
    return false;
  const groups = filterGroups.map((group) =>
    group.map(({ type = '', pattern = '', excludeMatchedPattern }) => ({
      type,
      pattern,
      excludes: excludeMatchedPattern ?? false,
    })),
  );
  return passesFilters(event, groups, branchFilter, await createMatches());
}

/** Resolves to the id of the build, or of the batch. The service itself starts it: who may push is the provider's to decide. */
async function start(
  room: Room,
  batches: Batches,
  row: WebhookRow,
  settings: ProjectSettings,
  event: RepositoryEvent,
  delivery: string,
  sender: string,
): Promise<string> {
  const { house } = room;
  const call = {
    account: house.account,
    region: house.region,
    at: house.clock.now(),
    source: SERVICE,
    principal: house.asService('codebuild').principal,
  };
  const input = {
    projectName: row.project_name,
    sourceVersion: event.version,
    ...repositoryOf(row, settings, event),
  };
  const token = { token: `Webhook/${row.webhook_id}/${delivery}`, request: '', keptMs: 24 * 3_600_000 };
  const facts = { initiator: sender.slice(0, SENDER_LENGTH_MAX), webhook: webhookVariables(event) };
  try {
    if (settingsOfWebhook(row).buildType === 'BUILD_BATCH') {
      return await startWebhookBatch(batches, call, settings, input, facts, token);
    }
    const plan = planBuild(call, row.project_name, settings, input, createUuid());
    const { id = '' } = await startBuild(
      room,
      call,
      {
        ...plan,
        ...facts,
        source: { ...plan.source, reportBuildStatus: true },
      },
      token,
      settings,
    );
    return id;
  } catch (error) {
    if (isFault(error, 'AccountLimitExceededException')) throw new Refused(429, error.message);
    if (isFault(error)) throw new Refused(400, error.message);
    throw error;
  }
}

/** A webhook of a whole organization builds the repository of the event, on the host of the project only. */
function repositoryOf(row: WebhookRow, settings: ProjectSettings, event: RepositoryEvent) {
  if (!settingsOfWebhook(row).scopeConfiguration) return {};
  const own = settings.source?.location ?? '';
  const told = event.cloneUrl ?? '';
  if (!URL.canParse(own) || !URL.canParse(told) || new URL(own).host !== new URL(told).host) {
    throw new Refused(400, 'The repository of the delivery is not on the host of the project.');
  }
  return { sourceLocationOverride: told };
}
