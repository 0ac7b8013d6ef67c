/**
 * The door for deliveries: `POST /webhooks/<token>` by somebody without AWS credentials. In this order, and with these
 * answers: unknown URL 404, target gone 410, not authentic 403, body not JSON 400, ping or filtered out 200, started
 * 200, too many executions in flight 429. A delivery that comes again under its id starts nothing more; that id is not
 * part of what GitHub signs. Nothing of a body, a secret or a URL is ever logged.
 */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#base/clock.ts';
import { isFault, type Fault } from '#base/fault.ts';
import type { ActionDeclaration } from '#core/pipeline/definition/declaration.ts';
import { passFilters } from '#core/pipeline/trigger/webhook-filter.ts';
import type { House, Route } from '#services/service.ts';
import { findDeclaration, findPipeline, type Room } from './room.ts';
import { requestExecution } from './starts.ts';
import type { WebhookRow } from './trigger-tables.ts';
import { isInRange, isSigned } from './webhook-authentication.ts';
import { BODY_BYTES_MAX, drain, readBody } from './webhook-body.ts';
import {
  filtersOf,
  findByToken,
  noteError,
  noteStart,
  openSettingsOf,
  secretOf,
  webhookArn,
  WEBHOOK_PREFIX,
} from './webhook-rows.ts';

/** Deliveries that are held at the same time: of all webhooks, and of one, so that none keeps out the others. */
const DELIVERIES_MAX = 128;
const DELIVERIES_PER_WEBHOOK_MAX = 16;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
/** Where senders say which delivery it is. */
const ID_HEADERS = ['x-github-delivery', 'x-gitlab-event-uuid'];

interface Answer {
  readonly status: number;
  readonly message: string;
}

/** Ends a delivery early; nothing was started. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function createWebhookRoute(room: Room): Route {
  const { clock, log } = room.house;
  const running = new Map<string, number>();
  let total = 0;
  /** Runs a delivery to a webhook unless too many run already. */
  const admit = async (row: WebhookRow, run: () => Promise<Answer>): Promise<Answer> => {
    const id = row.webhook_id;
    const before = running.get(id) ?? 0;
    if (total >= DELIVERIES_MAX || before >= DELIVERIES_PER_WEBHOOK_MAX) {
      throw new Refused(429, 'Too many deliveries at the same time.');
    }
    running.set(id, before + 1);
    total += 1;
    try {
      return await run();
    } finally {
      const left = (running.get(id) ?? 1) - 1;
      if (left > 0) running.set(id, left);
      else running.delete(id);
      total -= 1;
    }
  };
  return {
    prefix: WEBHOOK_PREFIX,
    async handle(request, response) {
      try {
        const row = await findRow(room.house, request);
        send(clock, request, response, await admit(row, () => deliver(room, row, request)));
      } catch (error) {
        if (!(error instanceof Refused)) log.error('a webhook delivery failed', { error });
        const failed = { status: 500, message: 'Something went wrong in the server.' };
        send(clock, request, response, error instanceof Refused ? error : failed);
      }
    },
  };
}

function send(
  clock: Clock,
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: Answer,
): void {
  if (response.destroyed) return;
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  if (status === 429) headers['retry-after'] = '60';
  if (status === 405) headers['allow'] = 'POST';
  if (!request.complete) {
    response.shouldKeepAlive = false;
    response.once('finish', () => drain(clock, request));
  }
  response.writeHead(status, headers);
  response.end(JSON.stringify({ message }));
}

async function findRow(house: House, request: IncomingMessage): Promise<WebhookRow> {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const token = path.slice(WEBHOOK_PREFIX.length);
  const row = TOKEN.test(token) ? await findByToken(house, token) : undefined;
  if (!row) throw new Refused(404, 'There is no webhook at this URL.');
  if (request.method !== 'POST') throw new Refused(405, 'Only POST is possible here.');
  return row;
}

async function deliver(room: Room, row: WebhookRow, request: IncomingMessage): Promise<Answer> {
  const { house } = room;
  const target = await findTarget(house, row);
  const body = await collect(house, request);
  if (!isAuthentic(house, row, request, body)) {
    house.log.warn('a webhook delivery was not authentic', { webhook: row.name });
    throw new Refused(403, 'The delivery is not authentic.');
  }
  const content = parse(request, body);
  if (request.headers['x-github-event'] === 'ping') return { status: 200, message: 'pong' };
  switch (passFilters(filtersOf(row), openSettingsOf(target.action.configuration), content)) {
    case 'ignored':
      return { status: 200, message: 'The filters of the webhook ignore this delivery.' };
    case 'tooLarge':
      throw new Refused(400, 'The body has too many values for the filters of the webhook.');
    case 'passed':
      return await start(room, row, target.pipelineId, deliveryIdOf(request, body));
  }
}

async function collect(house: House, request: IncomingMessage): Promise<Buffer> {
  const body = await readBody(house.clock, request);
  if ('bytes' in body) return body.bytes;
  switch (body.problem) {
    case 'tooLarge':
      throw new Refused(400, `The body is larger than ${BODY_BYTES_MAX} bytes.`);
    case 'late':
      throw new Refused(408, 'The body did not arrive in time.');
    case 'broken':
      throw new Refused(400, 'The body broke off.');
  }
}

interface Target {
  readonly pipelineId: string;
  readonly action: ActionDeclaration;
}

async function findTarget(house: House, row: WebhookRow): Promise<Target> {
  const pipeline = await findPipeline(house, row.pipeline);
  const declaration = pipeline && (await findDeclaration(house, pipeline.pipeline_id, pipeline.version));
  const action = declaration?.stages[0]?.actions.find(({ name }) => name === row.action);
  if (pipeline && action) return { pipelineId: pipeline.pipeline_id, action };
  const code = pipeline ? 'ActionNotFoundException' : 'PipelineNotFoundException';
  const what = pipeline ? `source action '${row.action}' of pipeline` : 'pipeline';
  await noteError(house, row, code, `The ${what} '${row.pipeline}' does not exist any more`);
  throw new Refused(410, 'What the webhook starts does not exist any more.');
}

function isAuthentic(house: House, row: WebhookRow, request: IncomingMessage, body: Buffer): boolean {
  switch (row.authentication) {
    case 'GITHUB_HMAC': {
      const secret = secretOf(house, row);
      return secret !== undefined && isSigned(request.headers, body, secret);
    }
    case 'IP':
      return row.allowed_range !== null && isInRange(row.allowed_range, request.socket.remoteAddress);
    case 'UNAUTHENTICATED':
      return true;
    default:
      return false;
  }
}

/** JSON, bare or as `payload` of a form. */
function parse(request: IncomingMessage, body: Buffer): unknown {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    return JSON.parse(isForm ? (new URLSearchParams(text).get('payload') ?? '') : text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw new Refused(400, 'The body must be JSON, bare or as the field payload of a form.');
    }
    throw error;
  }
}

/** Of a sender that does not say which delivery it is, the same body is the same delivery. */
function deliveryIdOf({ headers }: IncomingMessage, body: Buffer): string {
  const id = ID_HEADERS.map((name) => headers[name]).find(
    (value) => typeof value === 'string' && value !== '',
  );
  return createHash('sha256')
    .update(id === undefined ? 'body' : 'id')
    .update(typeof id === 'string' ? id : body)
    .digest('base64url');
}

async function start(room: Room, row: WebhookRow, pipelineId: string, deliveryId: string): Promise<Answer> {
  const { house } = room;
  try {
    await requestExecution(room, pipelineId, {
      type: 'ExecutionRequested',
      trigger: { type: 'Webhook', detail: webhookArn(house, row.name) },
      variables: {},
      pinned: {},
      token: `webhook:${row.webhook_id}:${deliveryId}`,
      fingerprint: '',
    });
  } catch (error) {
    if (!isFault(error)) throw error;
    await noteError(house, row, error.code, error.message);
    throw new Refused(statusOf(error), 'The pipeline could not be started. The webhook says why.');
  }
  await noteStart(house, row, house.clock.now());
  return { status: 200, message: 'The pipeline was started.' };
}

function statusOf({ code }: Fault): number {
  if (code === 'ConcurrentPipelineExecutionsLimitExceededException') return 429;
  return code === 'PipelineNotFoundException' ? 410 : 400;
}
