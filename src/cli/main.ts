/** What a person types: `slipway <command>`. Each command is loaded only when it is called, so that help is instant. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { BadUsage, plainError } from './errors.ts';
import { defaultDirectory, parseAddress } from './options.ts';

const program = new Command('slipway')
  .description('The AWS CodePipeline family as real, self-hosted software.')
  .version('0.1.0')
  .showHelpAfterError('(slipway --help shows what there is)')
  .configureHelp({ sortSubcommands: false })
  .exitOverride();

program
  .command('serve')
  .description('run the server')
  .option('--data <dir>', 'the data directory', defaultDirectory())
  .addOption(
    new Option('--listen <host:port>', 'where to listen')
      .argParser(address)
      .default(address('127.0.0.1:7600'), '127.0.0.1:7600'),
  )
  .option(
    '--database <url>',
    'postgres://… for several nodes (default: SLIPWAY_DATABASE_URL, else SQLite in the data directory)',
  )
  .option(
    '--builds <number>',
    'builds at the same time: a number, fit (by vCPUs and memory), or off (workers run them)',
    'fit',
  )
  .option('--scratch <dir>', 'where builds run on this machine (default: the data directory)')
  .option(
    '--runtime <name>',
    'where builds run: auto (images in docker, all else in sandboxes), sandbox, docker, or process (no isolation at all)',
    'auto',
  )
  .option(
    '--quotas <name>',
    'whose quotas: seed (300 pipelines, 10 stages, 20 actions a stage), or aws',
    process.env['SLIPWAY_QUOTAS'] ?? 'seed',
  )
  .option(
    '--tls <how>',
    'auto: serve HTTPS with a certificate of an own authority; slipway env tells clients of it',
  )
  .option('--tls-name <name...>', 'further host names and addresses for that certificate')
  .option('--tls-cert <file>', 'serve HTTPS with this certificate and its chain (PEM)')
  .option('--tls-key <file>', 'the private key of the certificate (PEM)')
  .option('--insecure-listen', 'allow listening beyond loopback without TLS', false)
  .action(async (options) => (await import('./serve.ts')).serve(options));

program
  .command('env')
  .description('print the environment for the AWS CLI and SDKs: eval "$(slipway env)"')
  .option('--data <dir>', 'the data directory', defaultDirectory())
  .option('--listen <host:port>', 'where the server listens (default: as it said when it started)', address)
  .option('--json', 'print JSON', false)
  .action(async (options) => (await import('./env.ts')).printEnvironment(options));

program
  .command('agent')
  .description('run the deploy agent of a host; credentials come from the environment or a file')
  .requiredOption('--endpoint <url>', 'the server, such as http://127.0.0.1:7600')
  .requiredOption('--name <host>', 'the name of this host, as registered')
  .requiredOption('--root <dir>', 'where the agent keeps revisions and its state')
  .option(
    '--credentials <file>',
    'a shared-credentials file (default: AWS_ACCESS_KEY_ID … of the environment)',
  )
  .option('--region <region>', 'the region to sign for', process.env['AWS_REGION'] ?? 'us-east-1')
  .action(async (options) => (await import('./agent.ts')).agent(options));

program
  .command('worker')
  .description('run builds on a further machine; the database comes from SLIPWAY_DATABASE_URL')
  .requiredOption('--server <url>', 'where builds reach a server, such as http://build-server:7600')
  .requiredOption('--data <dir>', 'the data directory of the servers, shared with this machine')
  .requiredOption('--scratch <dir>', 'a folder of this machine, where builds run')
  .option(
    '--builds <number>',
    'builds at the same time: a number, fit (by vCPUs and memory), or off (goes on with those it has)',
    'fit',
  )
  .option('--runtime <name>', 'where builds run: auto, sandbox, docker or process, as for serve', 'auto')
  .option('--quotas <name>', 'whose quotas, as for serve', process.env['SLIPWAY_QUOTAS'] ?? 'seed')
  .action(async (options) => (await import('./worker.ts')).worker(options));

const keys = program.command('keys').description('the keys that seal what the installation keeps');
const keysCommand = (name: string) =>
  keys
    .command(name)
    .option('--data <dir>', 'the data directory', defaultDirectory())
    .option('--json', 'print JSON', false);

keysCommand('status')
  .description('which keys there are, and what each is for')
  .action(async (options) => (await import('./keys.ts')).printStatus(options));

keysCommand('rotate')
  .description('add a key that seals from now on')
  .action(async (options) => (await import('./keys.ts')).rotate(options));

keysCommand('rewrap')
  .description('put all keys under another root key: a new one in the data directory, or one kept elsewhere')
  .option('--to-file <file>', 'the root key of this file, made when it is not there')
  .option('--to-command <command>', 'the root key that this command prints')
  .action(async (options) => (await import('./keys.ts')).rewrap(options));

program
  .command('doctor')
  .description('check this machine and a data directory')
  .option('--data <dir>', 'the data directory', defaultDirectory())
  .option('--json', 'print JSON', false)
  .action(async (options) => (await import('./doctor.ts')).doctor(options));

program
  .command('check')
  .description('say what is wrong with pipeline definitions, buildspecs and AppSpec files, with line numbers')
  .argument('<file...>', 'the files to check')
  .option('--region <region>', 'the region of the pipeline', process.env['AWS_REGION'] ?? 'us-east-1')
  .option('--quotas <name>', 'whose quotas: seed or aws', process.env['SLIPWAY_QUOTAS'] ?? 'seed')
  .option('--json', 'print JSON', false)
  .action(async (files, options) => (await import('./check.ts')).check(files, options));

program
  .command('run')
  .description('build a local folder by its buildspec, once, without a server')
  .argument('[buildspec]', 'the buildspec (default: buildspec.yml in the source)')
  .option('-b, --buildspec <file>', 'the same, as an option')
  .option(
    '-s, --source <dir>',
    'the folder that is built (default: .); once more as ID:DIR for each secondary source',
    collect,
  )
  .option('-a, --artifacts <dir>', 'where to put artifacts.zip, and ID.zip of secondary ones')
  .option('--unpack', 'put the artifacts there as files', false)
  .option('-r, --reports <dir>', 'where to put the raw files of reports')
  .option('-e, --env-file <file>', 'variables: NAME=VALUE lines, # comments, quotes are literal')
  .option('--env <name=value>', 'a variable; may be repeated', collect)
  .option(
    '--secret <name>',
    'a variable from the environment, or NAME@FILE from a file, kept out of the log; may be repeated',
    collect,
  )
  .option('-i, --image <name>', 'the image of the environment', 'aws/codebuild/standard:7.0')
  .option('--compute <size>', 'small, medium, large, xlarge or 2xlarge', 'small')
  .option('--timeout <minutes>', 'end the build after so long', '60')
  .option('-d, --privileged', 'privileged mode, for builds of container images', false)
  .option('--runtime <name>', 'where it runs: auto, sandbox, docker or process, as for serve', 'auto')
  .option('--json', 'print one JSON object a line, and the result as the last', false)
  .addOption(new Option('-m, --mount').hideHelp())
  .addOption(new Option('-c, --aws-configuration').hideHelp())
  .addOption(new Option('-p, --profile <name>').hideHelp())
  .addOption(new Option('-l, --agent-image <name>').hideHelp())
  .addHelpText(
    'after',
    `
The folder is copied as it is, .git included, and never changed. What the buildspec takes from Parameter Store or
Secrets Manager is given with --secret. Ends with 0 when the build succeeded, 1 when it failed, 2 for a wrong option.

Of the letters of AWS's script for local builds, -m (mount), -c and -p (AWS configuration) and -l (agent) are refused:
a build works on a copy, in an account of its own that is gone afterwards, and sees no credentials of yours.`,
  )
  .exitOverride((error) => {
    throw new CommanderError(error.exitCode === 0 ? 0 : 2, error.code, error.message);
  })
  .action(async (file, options) => (await import('./run.ts')).run(file, options));

program
  .command('watch')
  .description('follow an execution of a pipeline')
  .argument('<pipeline>', 'name of the pipeline')
  .option('--execution <id>', 'the execution to follow (default: the newest)')
  .option(
    '--data <dir>',
    'the data directory, for endpoint and key when the environment has none',
    defaultDirectory(),
  )
  .option('--once', 'print the state and end', false)
  .option('--json', 'print one JSON object a change', false)
  .action(async (pipeline, options) => (await import('./watch.ts')).watch(pipeline, options));

// Whoever reads our output may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(`slipway: ${plainError(error)}\n`);
    process.exitCode = error instanceof BadUsage ? 2 : 1;
  }
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function address(text: string): { host: string; port: number } {
  const parsed = parseAddress(text);
  if (!parsed) throw new InvalidArgumentError('Write it as HOST:PORT, such as 127.0.0.1:7600.');
  return parsed;
}
