/**
 * The house of a local run: all of Slipway, in a private folder below the temporary one, on a free port of loopback,
 * with nothing in it but one project. It goes when the run ends; what a killed run left is cleared by the next one.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { createLog, type LogLevel } from '#base/log.ts';
import { REPORT_FORMATS, reportTypeOf } from '#core/report/report.ts';
import { openRuntime } from '#runtimes/choice.ts';
import { isAlive, ownProcessName, parseProcessName } from '#runtimes/processes.ts';
import type { LocalFolder } from '#services/codebuild/local-folders.ts';
import type { Caller } from '#services/service.ts';
import { createSlipway, type Slipway } from '#slipway';
import { BadUsage } from './errors.ts';
import type { RunPlan } from './run-options.ts';

export interface RunHouse {
  readonly root: Caller;
  /** Ends whatever runs and removes everything; may be called while the house is still in use. */
  destroy(): Promise<void>;
  close(): Promise<void>;
}

export const BUCKETS = { artifacts: 'slipway-run-artifacts', reports: 'slipway-run-reports' } as const;
const ROLE = 'slipway-run';
const PREFIX = 'slipway-run-';
const OWNER = 'owner';
const CLOSE_MS_MAX = 5_000;
const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
/** What of the environment counts here; keys, databases and buckets of a server do not. */
const ENVIRONMENT = ['PATH', 'SLIPWAY_BUILD_NETWORK', 'SLIPWAY_DOCKER_SOCKET', 'DOCKER_HOST'];
/** What a build of this house may do in it; nothing of yours is there. */
const ACTIONS = [
  'logs:*',
  's3:*',
  'kms:*',
  'codebuild:CreateReportGroup',
  'codebuild:CreateReport',
  'codebuild:UpdateReport',
  'codebuild:BatchPutTestCases',
  'codebuild:BatchPutCodeCoverages',
  'ssm:GetParameters',
  'secretsmanager:GetSecretValue',
];

export async function openRunHouse(plan: RunPlan): Promise<RunHouse> {
  const directory = makeDirectory(plan);
  const removal = createRemoval(directory);
  let slipway: Slipway | undefined;
  try {
    await clearAbandoned();
    slipway = await createSlipway({
      directory: join(directory, 'data'),
      host: '127.0.0.1',
      port: 0,
      account: process.env['SLIPWAY_ACCOUNT_ID'] ?? '123456789012',
      region: process.env['AWS_REGION'] ?? 'us-east-1',
      runtime: plan.runtime,
      folders: foldersOf(plan),
      environment: {
        ...Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
        // Whoever asks for privileges here is the operator.
        ...(plan.privileged ? { SLIPWAY_PRIVILEGED_BUILDS: 'allow' } : {}),
      },
      log: createLog((line) => process.stderr.write(`${line}\n`), logLevel()),
    });
    await furnish(slipway.root, plan);
  } catch (error) {
    await slipway?.close(0);
    await removal();
    throw error;
  }
  const { root, close } = slipway;
  return {
    root,
    destroy: removal,
    async close() {
      await close(CLOSE_MS_MAX);
      await removal();
    },
  };
}

function makeDirectory({ source, secondary }: RunPlan): string {
  const parent = realpathSync(tmpdir());
  for (const path of [source, ...secondary.map((each) => each.path)]) {
    if (parent !== path && !parent.startsWith(path === sep ? sep : `${path}${sep}`)) continue;
    throw new BadUsage(
      `The source ${path} holds the temporary folder ${parent}, so a copy of it would hold itself. ` +
        'Build a smaller folder, or set TMPDIR to one outside of it.',
    );
  }
  const directory = mkdtempSync(join(parent, PREFIX));
  writeFileSync(join(directory, OWNER), `${ownProcessName()}\n`, { mode: 0o600 });
  return directory;
}

/** The folder of each build says what it runs in. */
function createRemoval(directory: string): () => Promise<void> {
  return async () => {
    const data = join(directory, 'data');
    const builds = join(data, 'codebuild', 'builds');
    const { kill } = openRuntime('auto', process.env, { directory: data, hidden: data });
    if (existsSync(builds)) {
      await Promise.all(readdirSync(builds).map((uuid) => kill(join(builds, uuid), 0)));
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
}

/** Of runs that were killed before they could clear up, and whose builds may still go on. */
async function clearAbandoned(): Promise<void> {
  const parent = realpathSync(tmpdir());
  for (const name of readdirSync(parent).filter((each) => each.startsWith(PREFIX))) {
    const directory = join(parent, name);
    const stat = lstatSync(directory, { throwIfNoEntry: false });
    if (!stat?.isDirectory() || stat.uid !== process.getuid?.()) continue;
    const note = join(directory, OWNER);
    if (!existsSync(note)) continue;
    const owner = parseProcessName(readFileSync(note, 'utf8'));
    if (owner && !isAlive(owner)) await createRemoval(directory)();
  }
}

export function locationOf(identifier: string | undefined): string {
  return `slipway-run/${identifier ?? 'source'}/`;
}

function foldersOf({ source, secondary }: RunPlan): ReadonlyMap<string, LocalFolder> {
  return new Map([
    [locationOf(undefined), { path: source, commit: commitOf(source) }],
    ...secondary.map(({ identifier, path }) => [locationOf(identifier), { path }] as [string, LocalFolder]),
  ]);
}

/** Where the repository in the folder stands; nothing when it has no commit, or git is not there. */
function commitOf(path: string): string | undefined {
  if (!existsSync(join(path, '.git'))) return undefined;
  try {
    return execFileSync('git', ['-C', path, 'rev-parse', '--verify', '--quiet', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Two buckets, a role, the secrets, the report groups and the project. */
async function furnish(root: Caller, plan: RunPlan): Promise<void> {
  for (const Bucket of Object.values(BUCKETS)) await root.send('s3:CreateBucket', { Bucket });
  await root.send('iam:CreateRole', {
    RoleName: ROLE,
    AssumeRolePolicyDocument: policyOf({
      Effect: 'Allow',
      Principal: { Service: 'codebuild.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  await root.send('iam:PutRolePolicy', {
    RoleName: ROLE,
    PolicyName: 'build',
    PolicyDocument: policyOf({ Effect: 'Allow', Action: ACTIONS, Resource: '*' }),
  });
  for (const { name, value, type } of plan.variables) {
    if (type === 'PARAMETER_STORE') {
      await root.send('ssm:PutParameter', {
        Name: secretName(name),
        Value: value,
        Type: 'SecureString',
        Tier: 'Advanced',
      });
    } else if (type === 'SECRETS_MANAGER') {
      await root.send('secretsmanager:CreateSecret', { Name: secretName(name), SecretString: value });
    }
  }
  if (plan.reports !== undefined) await createReportGroups(root, plan);
  await createProject(root, plan);
}

function secretName(variable: string): string {
  return `/slipway-run/${variable}`;
}

/** Made before the build, which would make them too, so that the raw files are kept. */
async function createReportGroups(root: Caller, { projectName, spec }: RunPlan): Promise<void> {
  const groups = [
    ...(spec?.reports ?? []).map(({ name, format }) => ({
      name: name.startsWith('arn:') ? name.slice(name.lastIndexOf('/') + 1) : `${projectName}-${name}`,
      format,
    })),
    ...REPORT_FORMATS.map((format) => ({ name: `${projectName}-${format}-AutoDiscovered`, format })),
  ];
  for (const { name, format } of groups) {
    await root.send('codebuild:CreateReportGroup', {
      name,
      type: reportTypeOf(format),
      exportConfig: {
        exportConfigType: 'S3',
        s3Destination: {
          bucket: BUCKETS.reports,
          path: name,
          packaging: 'NONE',
          encryptionDisabled: true,
        },
      },
    });
  }
}

async function createProject(root: Caller, plan: RunPlan): Promise<void> {
  const artifact = (name: string) => ({
    type: 'S3' as const,
    location: BUCKETS.artifacts,
    name: `${name}.zip`,
    packaging: 'ZIP' as const,
    encryptionDisabled: true,
  });
  await root.send('codebuild:CreateProject', {
    name: plan.projectName,
    serviceRole: ROLE,
    source: { type: 'S3', location: locationOf(undefined), buildspec: plan.buildspec },
    secondarySources: plan.secondary.map(({ identifier }) => ({
      type: 'S3',
      location: locationOf(identifier),
      sourceIdentifier: identifier,
    })),
    // Collected also when nobody keeps them, so that a wrong pattern fails here as it would on a server.
    artifacts: plan.spec?.artifacts ? artifact('artifacts') : { type: 'NO_ARTIFACTS' },
    secondaryArtifacts: Object.keys(plan.spec?.secondaryArtifacts ?? {}).map((identifier) => ({
      ...artifact(identifier),
      artifactIdentifier: identifier,
    })),
    environment: {
      type: process.arch === 'arm64' ? 'ARM_CONTAINER' : 'LINUX_CONTAINER',
      image: plan.image,
      computeType: plan.computeType as 'BUILD_GENERAL1_SMALL',
      privilegedMode: plan.privileged,
      environmentVariables: plan.variables.map(({ name, value, type }) => ({
        name,
        value: type === 'PLAINTEXT' ? value : secretName(name),
        type,
      })),
    },
    timeoutInMinutes: plan.timeoutMinutes,
  });
}

function policyOf(statement: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

function logLevel(): LogLevel {
  const level = process.env['SLIPWAY_LOG'] ?? 'error';
  return LOG_LEVELS.includes(level) ? (level as LogLevel) : 'error';
}
