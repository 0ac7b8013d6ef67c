/** What tests of CodeBuild share: clients, a service role, and ways to run a buildspec and read its log. */

import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import {
  type Build,
  CodeBuild,
  type CreateProjectInput,
  type StartBuildInput,
} from '@aws-sdk/client-codebuild';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import type { TestHouse } from './house.ts';
import { until } from './until.ts';

export const ROLE = 'arn:aws:iam::123456789012:role/build';
const BUILD_MS_MAX = 60_000;

export interface BuildClients {
  readonly codebuild: CodeBuild;
  readonly logs: CloudWatchLogs;
  readonly iam: IAM;
  readonly s3: S3;
  /** A project without source, unless told otherwise. */
  createProject(name: string, buildspec: string, more?: Partial<CreateProjectInput>): Promise<void>;
  start(projectName: string, more?: Partial<StartBuildInput>): Promise<Build>;
  /** The build once it is complete. */
  ended(id: string | undefined): Promise<Build>;
  run(projectName: string, more?: Partial<StartBuildInput>): Promise<Build>;
  get(id: string | undefined): Promise<Build>;
  /** The messages of the build's stream, without their line ends. */
  log(build: Build): Promise<string[]>;
  /** The messages that commands printed. */
  output(build: Build): Promise<string[]>;
  close(): void;
}

export function connectBuilds(house: TestHouse): BuildClients {
  const connection = () => ({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
    maxAttempts: 1,
  });
  const codebuild = new CodeBuild(connection());
  const logs = new CloudWatchLogs(connection());
  const iam = new IAM(connection());
  const s3 = new S3({ ...connection(), forcePathStyle: true });
  const clients: BuildClients = {
    codebuild,
    logs,
    iam,
    s3,
    async createProject(name, buildspec, more = {}) {
      await codebuild.createProject({
        name,
        source: { type: 'NO_SOURCE', buildspec },
        artifacts: { type: 'NO_ARTIFACTS' },
        environment: {
          type: 'LINUX_CONTAINER',
          image: 'aws/codebuild/standard:7.0',
          computeType: 'BUILD_GENERAL1_SMALL',
        },
        serviceRole: ROLE,
        ...more,
      });
    },
    async start(projectName, more = {}) {
      const { build } = await codebuild.startBuild({ projectName, ...more });
      if (!build) throw new Error('StartBuild answered no build');
      return build;
    },
    ended: (id) =>
      until(`the end of build ${id}`, BUILD_MS_MAX, async () => {
        const build = await clients.get(id);
        return build.buildComplete ? build : undefined;
      }),
    run: async (projectName, more) => clients.ended((await clients.start(projectName, more)).id),
    async get(id) {
      const { builds } = await codebuild.batchGetBuilds({ ids: [id ?? ''] });
      const build = builds?.[0];
      if (!build) throw new Error(`there is no build ${id}`);
      return build;
    },
    async log(build) {
      const { events } = await logs.getLogEvents({
        logGroupName: build.logs?.groupName,
        logStreamName: build.logs?.streamName,
        startFromHead: true,
      });
      return (events ?? []).map((event) => (event.message ?? '').replace(/\n$/, ''));
    },
    output: async (build) =>
      (await clients.log(build)).filter((line) => line !== '' && !line.startsWith('[Container]')),
    close() {
      for (const client of [codebuild, logs, iam, s3]) client.destroy();
    },
  };
  return clients;
}

/** The role of the builds, with what CodeBuild's own console would give it. */
export async function createBuildRole(
  iam: IAM,
  actions: readonly string[] = ['logs:*', 's3:*', 'codecommit:GitPull'],
): Promise<void> {
  const statement = {
    Effect: 'Allow',
    Principal: { Service: 'codebuild.amazonaws.com' },
    Action: 'sts:AssumeRole',
  };
  await iam.createRole({
    RoleName: 'build',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
  });
  await iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'work',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
    }),
  });
}

export function phasesOf(build: Build): string[] {
  return (build.phases ?? []).map(
    (phase) => `${phase.phaseType}${phase.phaseStatus ? `=${phase.phaseStatus}` : ''}`,
  );
}

/** `CODE: message` of the first phase that has one. */
export function contextOf(build: Build): string | undefined {
  const contexts = (build.phases ?? []).flatMap((phase) => phase.contexts ?? []);
  const context = contexts.find((each) => each.statusCode);
  return context && `${context.statusCode}: ${context.message}`;
}

/** A buildspec with the commands of one phase. */
export function spec(commands: readonly string[], more = ''): string {
  return `version: 0.2\nphases:\n  build:\n    commands:\n${commands.map((command) => `      - ${JSON.stringify(command)}\n`).join('')}${more}`;
}
