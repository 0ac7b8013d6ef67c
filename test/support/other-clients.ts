/** Clients that are not JavaScript: boto3 and the AWS CLI, where the machine has them. */

import { execFile, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Key } from './fake-rooms.ts';

export const botoSkip = hasBoto() ? false : 'boto3 is not installed';
export const cliSkip = spawnSync('aws', ['--version']).status === 0 ? false : 'the AWS CLI is not installed';

const RUN_MS_MAX = 60_000;

/**
 * Runs a Python script that may use `client(service, **config)` and `attempt(function)`, which prints one JSON line
 * with the answer or the error. Resolves to the lines.
 */
export async function runBoto(url: string, key: Key, script: string): Promise<readonly BotoLine[]> {
  const result = await run('python3', ['-c', PRELUDE + script], environmentOf(url, key));
  if (result.code !== 0) throw new Error(`python ended with ${result.code}: ${result.stderr}`);
  return result.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as BotoLine);
}

export interface BotoLine {
  readonly ok?: Record<string, never> | string;
  readonly error?: string;
  readonly code?: string;
  readonly message?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly attempts?: number;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runCli(url: string, key: Key, ...parameters: readonly string[]): Promise<CliResult> {
  return run('aws', parameters, environmentOf(url, key));
}

const PRELUDE = `
import boto3, json, botocore, os
from botocore.config import Config
def client(service, **config):
    return boto3.client(service, config=Config(retries={'max_attempts': 0}, **config))
def attempt(function):
    try:
        answer = function()
        if isinstance(answer, dict):
            answer = {name: str(value) for name, value in answer.items() if name != 'ResponseMetadata'}
        print(json.dumps({'ok': answer}))
    except botocore.exceptions.ClientError as error:
        meta = error.response['ResponseMetadata']
        print(json.dumps({'error': type(error).__name__, 'code': error.response['Error']['Code'],
            'message': error.response['Error']['Message'], 'status': meta['HTTPStatusCode'],
            'requestId': meta.get('RequestId'), 'attempts': meta.get('RetryAttempts')}))
`;

function environmentOf(url: string, key: Key): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    ...(key.sessionToken !== undefined && { AWS_SESSION_TOKEN: key.sessionToken }),
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: join(tmpdir(), 'slipway-no-such-file'),
    AWS_SHARED_CREDENTIALS_FILE: join(tmpdir(), 'slipway-no-such-file'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    AWS_PAGER: '',
  };
}

function run(
  command: string,
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<CliResult> {
  return new Promise((resolve) => {
    const options = { env: environment, timeout: RUN_MS_MAX, maxBuffer: 16 * 1024 * 1024 };
    execFile(command, [...parameters], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

function hasBoto(): boolean {
  return spawnSync('python3', ['-c', 'import boto3']).status === 0;
}
