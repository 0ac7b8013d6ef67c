/**
 * The story that everything is for, as a test tells it: a repository, a pipeline, three hosts, a push. Made with the
 * demo's own steps, so that the demo and the tests cannot drift apart.
 */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Host, startHost } from '#scripts/demo/hosts.ts';
import {
  type Clients,
  connect,
  type Connection,
  createBuildProject,
  createHosts,
  createPipeline,
  createRepository,
  createRoles,
  type HostCredentials,
  NAMES,
} from '#scripts/demo/world.ts';
import { gitIn } from './git-clone.ts';
import { until } from './until.ts';

const SAMPLE = resolve(import.meta.dirname, '../../scripts/demo/sample');
const STORY_MS_MAX = 90_000;
const FINAL = ['Succeeded', 'Failed', 'Stopped', 'Superseded', 'Cancelled'];

export interface Story {
  readonly clients: Clients;
  readonly connection: () => Connection;
  readonly hosts: readonly Host[];
  readonly clone: string;
  /** Writes a file into the clone; `commitAndPush` takes it along. */
  write(path: string, text: string): void;
  read(path: string): string;
  /** Resolves with the commit id when git says that the push succeeded. */
  commitAndPush(message: string, remote?: string): Promise<string>;
  /** Pushes what is committed; harmless when it arrived already. */
  push(): Promise<void>;
  /** The newest execution, once it is another one than `before`. */
  nextExecution(before: string | undefined): Promise<string>;
  /** Approves what waits in this execution, until the execution ends; resolves with its final status. */
  approveAndFollow(executionId: string): Promise<string>;
  close(): Promise<void>;
}

/** Sets everything up and waits for the first run, which a new pipeline makes by itself and which finds no branch. */
export async function createStory(
  connection: () => Connection,
  directory: string,
  hostNames: readonly string[] = ['host-1', 'host-2', 'host-3'],
): Promise<Story> {
  const clients = connect(connection());
  const roles = await createRoles(clients);
  await clients.s3.createBucket({ Bucket: NAMES.bucket });
  const repository = await createRepository(clients);
  await createBuildProject(clients, roles.build);
  const credentials = await createHosts(clients, hostNames, roles.deploy);
  const hosts = credentials.map((host: HostCredentials) =>
    startHost(host, connection().endpoint, connection().region, join(directory, host.name)),
  );
  await createPipeline(clients, roles.pipeline);
  const clone = join(directory, 'clone');
  mkdirSync(clone);
  cpSync(SAMPLE, clone, { recursive: true });
  const git = gitIn(clone, directory, repository);
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', repository.url);
  const story: Story = {
    clients,
    connection,
    hosts,
    clone,
    write: (path, text) => writeFileSync(join(clone, path), text),
    read: (path) => readFileSync(join(clone, path), 'utf8'),
    async commitAndPush(message, remote = 'origin') {
      await git('add', '.');
      await git(
        '-c',
        'user.name=A',
        '-c',
        'user.email=a@example.com',
        'commit',
        '--quiet',
        '--message',
        message,
      );
      await git('push', '--quiet', remote, 'main');
      return (await git('rev-parse', 'HEAD')).trim();
    },
    async push() {
      await git('push', '--quiet', 'origin', 'main');
    },
    nextExecution: (before) =>
      untilAnswered(`an execution after ${before}`, async () => {
        const { pipelineExecutionSummaries: [newest] = [] } =
          await clients.codepipeline.listPipelineExecutions({
            pipelineName: NAMES.pipeline,
            maxResults: 1,
          });
        return newest?.pipelineExecutionId === before ? undefined : newest?.pipelineExecutionId;
      }),
    approveAndFollow: (executionId) => approveAndFollow(clients, executionId),
    async close() {
      await Promise.all(hosts.map((host) => host.stop()));
    },
  };
  const first = await story.nextExecution(undefined);
  await approveAndFollow(clients, first);
  return story;
}

/** Asks until there is an answer; a server that is being killed and started again gives none meanwhile. */
function untilAnswered<Value>(what: string, ask: () => Promise<Value | undefined>): Promise<Value> {
  return until(what, STORY_MS_MAX, async () => {
    try {
      return await ask();
    } catch (error) {
      if (isConnectionLost(error) || isAnsweredBefore(error)) return undefined;
      throw error;
    }
  });
}

function isConnectionLost(error: unknown): boolean {
  const { code, name } = error as NodeJS.ErrnoException;
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code ?? '') || name === 'TimeoutError';
}

/** The client repeated an approval whose answer was lost. */
function isAnsweredBefore(error: unknown): boolean {
  return (error as Error).name === 'ApprovalAlreadyCompletedException';
}

function approveAndFollow(clients: Clients, executionId: string): Promise<string> {
  return untilAnswered(`the end of execution ${executionId}`, async () => {
    const { stageStates = [] } = await clients.codepipeline.getPipelineState({ name: NAMES.pipeline });
    for (const { stageName, latestExecution, actionStates = [] } of stageStates) {
      if (latestExecution?.pipelineExecutionId !== executionId) continue;
      for (const { actionName, latestExecution: action } of actionStates) {
        if (!action?.token || action.status !== 'InProgress') continue;
        await clients.codepipeline.putApprovalResult({
          pipelineName: NAMES.pipeline,
          stageName,
          actionName,
          token: action.token,
          result: { status: 'Approved', summary: 'by the test' },
        });
      }
    }
    const { pipelineExecution } = await clients.codepipeline.getPipelineExecution({
      pipelineName: NAMES.pipeline,
      pipelineExecutionId: executionId,
    });
    const status = pipelineExecution?.status ?? '';
    return FINAL.includes(status) ? status : undefined;
  });
}
