/**
 * The server as the agent speaks with it: the host-command service, and who we are. What fails for want of a server is
 * tried again with growing pauses; what the server refuses is a `Fault` at once.
 */

import { Fault, isFault } from '#base/fault.ts';
import type { Log } from '#base/log.ts';
import { createJsonClient } from '#wire/json-client.ts';
import { signRequest, type SigningCredentials } from '#wire/sign.ts';
import { pause, pauseAfter } from './pause.ts';

export interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: SigningCredentials;
}

export interface Server {
  /** Once, without trying again: the poll loop has its own pauses. */
  poll(hostIdentifier: string, signal: AbortSignal): Promise<PolledCommand | undefined>;
  /** Until the server has answered, or `signal` is aborted. */
  send(operation: string, input: object, signal: AbortSignal): Promise<Record<string, unknown>>;
}

export interface PolledCommand {
  readonly commandId: string;
  readonly executionId: string;
  readonly commandName: string;
}

const TARGET_PREFIX = 'CodeDeployCommandService_v20141006';
const SIGNING_NAME = 'codedeploy-commands';
/** The server holds a poll for 20 s. */
const CALL_MS_MAX = 60_000;
/** After this a refused credential is no passing trouble any more; the server gives up its commands sooner. */
const TRYING_MS_MAX = 12 * 3600_000;

export function createServer(connection: Connection, log: Log): Server {
  const client = createJsonClient({
    ...connection,
    signingName: SIGNING_NAME,
    targetPrefix: TARGET_PREFIX,
    timeoutMs: CALL_MS_MAX,
  });
  return {
    async poll(hostIdentifier, signal) {
      const answer = await client.send('PollHostCommand', { HostIdentifier: hostIdentifier }, signal);
      return readCommand(answer['HostCommand']);
    },
    async send(operation, input, signal) {
      const until = Date.now() + TRYING_MS_MAX;
      for (let failures = 1; ; failures++) {
        try {
          return await client.send(operation, input, signal);
        } catch (error) {
          if (signal.aborted || isFinal(error) || Date.now() > until) throw error;
          log.warn('the server did not take a call; trying again', { operation, failures, error });
        }
        await pause(pauseAfter(failures), signal);
        signal.throwIfAborted();
      }
    },
  };
}

/** The ARN of our credentials, which is our name as a host. */
export async function fetchIdentity(connection: Connection): Promise<string> {
  const url = new URL('/', connection.endpoint);
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const headers = signRequest(
    {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body,
    },
    { service: 'sts', region: connection.region },
    connection.credentials,
    Date.now(),
  );
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
  const text = await answer.text();
  const [, arn] = /<Arn>([^<]+)<\/Arn>/.exec(text) ?? [];
  if (answer.ok && arn !== undefined) return arn;
  const [, code = `Http${answer.status}`] = /<Code>([^<]+)<\/Code>/.exec(text) ?? [];
  const [, message = answer.statusText] = /<Message>([^<]+)<\/Message>/.exec(text) ?? [];
  throw new Fault(code, `Cannot learn who these credentials belong to: ${message}`, {
    status: answer.status,
  });
}

/** What would be answered in the same way the next time; trouble with credentials and load may pass. */
export function isFinal(error: unknown): boolean {
  return isFault(error, 'ClientException') || isFault(error, 'UnknownOperationException');
}

function readCommand(value: unknown): PolledCommand | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const members = value as Readonly<Record<string, unknown>>;
  const { HostCommandIdentifier, DeploymentExecutionId, CommandName } = members;
  if (
    typeof HostCommandIdentifier !== 'string' ||
    typeof DeploymentExecutionId !== 'string' ||
    typeof CommandName !== 'string'
  ) {
    throw new Error('The server sent a command that is not whole.');
  }
  return {
    commandId: HostCommandIdentifier,
    executionId: DeploymentExecutionId,
    commandName: CommandName,
  };
}
