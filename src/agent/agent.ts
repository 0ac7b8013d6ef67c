/**
 * The deploy agent of a host: asks the server for lifecycle events and carries them out. It needs nothing of Slipway
 * but this folder and what lies below it, and speaks the protocol of AWS's agent.
 *
 * It may be killed at any moment. Commands under way are on the disk; the next start goes on with them.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isFault } from '#base/fault.ts';
import type { Log } from '#base/log.ts';
import type { SigningCredentials } from '#wire/sign.ts';
import { createServer, fetchIdentity, type Connection, type PolledCommand } from './client.ts';
import { handleCommand, readRecord, type Host } from './command.ts';
import { createLayout } from './layout.ts';
import { lockRoot } from './lock.ts';
import { pause, pauseAfter } from './pause.ts';

export interface AgentOptions {
  /** `http://127.0.0.1:7600`: host commands, S3 and STS under one address. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: SigningCredentials;
  /** ARN of the IAM user or session that the host is registered with; asked of the server when absent. */
  readonly hostIdentifier?: string | undefined;
  /** For the log only. */
  readonly name?: string | undefined;
  /** Revisions and state; made when it is not there. */
  readonly root: string;
  /** SHA-256 of the signer's certificate; without it the first signer is trusted, and only that one from then on. */
  readonly signerFingerprint?: string | undefined;
  readonly log: Log;
  /** Ends the agent. Scripts that run go on, and the next start waits for them. */
  readonly signal: AbortSignal;
}

/** Commands of different deployments run side by side; more than this wait for the next poll. */
const COMMANDS_MAX = 16;
/** When the server answers at once that there is nothing, as one without held polls does. */
const POLL_GAP_MS = 1_000;

/**
 * Resolves when `signal` is aborted and nothing of the agent runs any more. Throws for credentials that the server does
 * not know, and when another agent uses the root.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { endpoint, region, credentials, log, signal } = options;
  const connection: Connection = { endpoint, region, credentials };
  const layout = createLayout(options.root);
  await mkdir(layout.commands, { recursive: true, mode: 0o700 });
  const unlock = await lockRoot(layout.lock);
  try {
    const hostIdentifier = options.hostIdentifier ?? (await learnIdentity(connection, log, signal));
    if (hostIdentifier === undefined) return;
    log.info('the agent has started', { name: options.name, hostIdentifier, root: options.root });
    await work({
      layout,
      connection,
      hostIdentifier,
      server: createServer(connection, log),
      signerFingerprint: options.signerFingerprint,
      log,
      signal,
    });
    log.info('the agent has stopped');
  } finally {
    await unlock();
  }
}

/** Goes on with what an earlier run left, and takes what the server has, until the end. */
async function work(host: Host): Promise<void> {
  const running = new Map<string, Promise<void>>();

  function start(command: PolledCommand): void {
    if (running.has(command.commandId)) return;
    const carrying = handleCommand(host, command)
      .catch((error: unknown) => {
        if (host.signal.aborted) return;
        host.log.error('a command could not be carried through', { ...command, error });
      })
      .finally(() => running.delete(command.commandId));
    running.set(command.commandId, carrying);
  }

  for (const command of await unfinished(host)) start(command);
  await pollForEver(host, running, start);
  await Promise.all(running.values());
}

async function pollForEver(
  host: Host,
  running: ReadonlyMap<string, Promise<void>>,
  start: (command: PolledCommand) => void,
): Promise<void> {
  const { server, hostIdentifier, log, signal } = host;
  for (let failures = 0; !signal.aborted;) {
    if (running.size >= COMMANDS_MAX) await Promise.race(running.values());
    const began = Date.now();
    try {
      const command = await server.poll(hostIdentifier, signal);
      failures = 0;
      if (command) start(command);
      else if (Date.now() - began < POLL_GAP_MS) await pause(POLL_GAP_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      log.warn('the server could not be asked; trying again', { failures, error });
      await pause(pauseAfter(failures), signal);
    }
  }
}

/** What an earlier run of the agent left, to go on with. A folder without a record was never begun. */
async function unfinished({ layout, log }: Host): Promise<readonly PolledCommand[]> {
  const commands: PolledCommand[] = [];
  for (const name of await readdir(layout.commands)) {
    const directory = join(layout.commands, name);
    const record = await readRecord(directory);
    if (record) commands.push(record);
    else await rm(directory, { recursive: true, force: true });
  }
  if (commands.length > 0) log.info('going on with commands of an earlier run', { count: commands.length });
  return commands;
}

/** The server may not be there yet; credentials that it does not know are no use waiting for. */
async function learnIdentity(
  connection: Connection,
  log: Log,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await fetchIdentity(connection);
    } catch (error) {
      if (isFault(error) && (error.status ?? 500) < 500) throw error;
      log.warn('the server could not be asked who this host is; trying again', { failures, error });
    }
    await pause(pauseAfter(failures), signal);
  }
  return undefined;
}
