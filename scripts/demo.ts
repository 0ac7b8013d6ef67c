/**
 * `npm run demo`: the main job before your eyes. It starts a server of its own in a temporary folder, makes what a user
 * would make, pushes a commit with git, follows it through build, approval and deployment, and calls what was deployed.
 * `--keep` leaves server and hosts running; `--directory DIR` says where everything goes.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { followExecution, newestExecution, waitForExecution } from './demo/follow.ts';
import { type Host, startHost } from './demo/hosts.ts';
import { command, done, failed, quote, step, title } from './demo/show.ts';
import {
  type Clients,
  connect,
  createBuildProject,
  createHosts,
  createPipeline,
  createRepository,
  createRoles,
  NAMES,
} from './demo/world.ts';
import { readRootKey } from '#store/root-key.ts';

const ROOT = resolve(import.meta.dirname, '..');
const REGION = 'us-east-1';
const HOST_NAMES = ['host-1', 'host-2', 'host-3'];
const READY_MS_MAX = 20_000;

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    directory: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(
    'npm run demo [-- --keep] [-- --directory DIR]\n\nA commit travels from git push to three hosts.',
  );
  process.exit(0);
}

const directory = options.directory
  ? resolve(options.directory)
  : mkdtempSync(join(tmpdir(), 'slipway-demo-'));
const data = join(directory, 'data');
const hosts: Host[] = [];
let server: ChildProcess | undefined;

try {
  await main();
} catch (error) {
  failed(`the demo did not end well: ${error instanceof Error ? error.message : String(error)}`);
  quote(`everything it left is in ${directory}`);
  process.exitCode = 1;
  options.keep = false;
} finally {
  if (!options.keep) await stopEverything();
}
if (options.keep && process.exitCode === undefined) {
  // The server and the hosts stay; only this process ends.
  server?.unref();
  process.exit(0);
}

async function main(): Promise<void> {
  title('A server');
  const endpoint = await startServer();
  const key = readRootKey(data);
  if (!key) throw new Error(`the server made no root key in ${data}`);
  const clients = connect({ endpoint, region: REGION, ...key });
  done(`slipway serves at ${endpoint}`);

  title('What a team would set up once');
  const repository = await setUp(clients, endpoint);

  title('A commit');
  const before = await newestExecution(clients, NAMES.pipeline);
  await push(repository);
  const execution = await newestExecution(clients, NAMES.pipeline, before);

  title('The pipeline');
  const status = await followExecution(clients, NAMES.pipeline, execution, approve);
  if (status !== 'Succeeded') throw new Error(`execution ${execution} ended as ${status}`);

  title('The program, called on each host');
  for (const host of hosts) done(await host.call(['/opt/hello/hello']));
  sayWhatNext(endpoint);
}

/** Resolves with the endpoint when the server says that it is ready. */
function startServer(): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const child = spawn(join(ROOT, 'bin/slipway'), ['serve', '--data', data, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, AWS_REGION: REGION, SLIPWAY_LOG: 'warn' },
    detached: true,
  });
  server = child;
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not get ready in time')), READY_MS_MAX);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^slipway ready (\S+)$/.exec(line)?.[1];
      if (!url) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}: ${complaints.slice(-3).join(' ')}`));
    });
  });
}

async function setUp(clients: Clients, endpoint: string) {
  const roles = await createRoles(clients);
  done('three roles, each with only what its service needs');
  await clients.s3.createBucket({ Bucket: NAMES.bucket });
  await clients.s3.putBucketVersioning({
    Bucket: NAMES.bucket,
    VersioningConfiguration: { Status: 'Enabled' },
  });
  const repository = await createRepository(clients);
  done(`a bucket for artifacts, a repository, and a developer's git credential`);
  await createBuildProject(clients, roles.build);
  done('a build project');
  const credentials = await createHosts(clients, HOST_NAMES, roles.deploy);
  for (const host of credentials) hosts.push(startHost(host, endpoint, REGION, join(directory, host.name)));
  done(`three hosts in namespaces of their own, each with its deploy agent, in one deployment group`);
  await createPipeline(clients, roles.pipeline);
  const first = await newestExecution(clients, NAMES.pipeline);
  const ended = await waitForExecution(clients, NAMES.pipeline, first);
  done(`a pipeline: source, build, approval, deployment`);
  quote(`as on AWS, a new pipeline runs once by itself; with nothing pushed yet that run ended as ${ended}`);
  return repository;
}

/** A real clone, commit and push; git keeps the password in a file that only its owner reads. */
async function push(repository: { url: string; userName: string; password: string }): Promise<void> {
  const clone = join(directory, 'hello');
  const passwords = join(directory, 'git-credentials');
  const url = new URL(repository.url);
  url.username = encodeURIComponent(repository.userName);
  url.password = encodeURIComponent(repository.password);
  writeFileSync(passwords, `${url.origin.replace('//', `//${url.username}:${url.password}@`)}\n`, {
    mode: 0o600,
  });
  const environment = { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', HOME: directory };
  const git = (...parameters: string[]) => promisify(execFile)('git', parameters, { env: environment });
  cpSync(join(ROOT, 'scripts/demo/sample'), clone, { recursive: true });
  await git('init', '--quiet', '--initial-branch=main', clone);
  await git('-C', clone, 'remote', 'add', 'origin', repository.url);
  await git('-C', clone, 'config', 'credential.helper', `store --file ${passwords}`);
  await git('-C', clone, 'config', 'user.name', 'A Developer');
  await git('-C', clone, 'config', 'user.email', 'developer@example.com');
  await git('-C', clone, 'add', '.');
  await git('-C', clone, 'commit', '--quiet', '--message', 'Say hello from every host');
  command('git push origin main');
  await git('-C', clone, 'push', '--quiet', 'origin', 'main');
  done(`pushed to ${repository.url}`);
}

async function approve(
  clients: Clients,
  stageName: string,
  actionName: string,
  token: string,
): Promise<void> {
  step('waits for a person; this is the command that a person would use:');
  command(
    `aws codepipeline put-approval-result --pipeline-name ${NAMES.pipeline} --stage-name ${stageName} ` +
      `--action-name ${actionName} --token ${token} --result summary=ok,status=Approved`,
  );
  await clients.codepipeline.putApprovalResult({
    pipelineName: NAMES.pipeline,
    stageName,
    actionName,
    token,
    result: { status: 'Approved', summary: 'approved by the demo' },
  });
}

function sayWhatNext(endpoint: string): void {
  title('Summary');
  done('one commit: pushed, built and tested in a sandbox, approved, deployed to three hosts, running');
  if (options.keep) {
    quote(`the server keeps running at ${endpoint} (process ${server?.pid}); data in ${data}`);
    title('Go on by hand');
    command(`eval "$(npx slipway env --data ${data})"`);
    command(`aws codepipeline get-pipeline-state --name ${NAMES.pipeline}`);
    command(`cd ${join(directory, 'hello')} && git commit --allow-empty -m again && git push origin main`);
    command(
      `${join(ROOT, 'bin/slipway')} watch ${NAMES.pipeline} --data ${data}   # shows the approval command, too`,
    );
    command(
      `kill ${[server?.pid, ...hosts.map((host) => host.process.pid)].join(' ')}   # stop the server and the hosts`,
    );
  } else {
    title('What to try next');
    command('npm run demo -- --keep      # the same, and the server stays for you to play with');
    command('npx slipway serve           # a server of your own, data in ~/.slipway');
    command('npx slipway doctor          # what this machine offers');
  }
}

async function stopEverything(): Promise<void> {
  await Promise.all(hosts.map((host) => host.stop()));
  const child = server;
  if (child && child.exitCode === null && child.signalCode === null) {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  if (!options.directory && process.exitCode === undefined && existsSync(directory)) {
    rmSync(directory, { recursive: true, force: true });
  }
}
