/**
 * One command from its delivery to its report, kept on disk step by step, so that a restarted agent goes on where it
 * was: it acknowledges again under the same token, waits for the script that still runs, and reports once.
 *
 *   taken ─acknowledged by the server─▶ accepted ─executed─▶ done ─completed at the server─▶ (forgotten)
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createUuid } from '#base/chance.ts';
import type { Log } from '#base/log.ts';
import { downloadBundle } from './bundle.ts';
import type { Connection, PolledCommand, Server } from './client.ts';
import { openEventLog } from './event-log.ts';
import { readIfThere, writeDurably } from './files.ts';
import { HOOK_EVENTS, runHooks, scriptsOf } from './hooks.ts';
import { install } from './install.ts';
import type { Layout } from './layout.ts';
import { ERROR, EventFailure, type Outcome } from './outcome.ts';
import { sendOutput } from './output-sender.ts';
import { parseSpecification, type Specification } from './specification.ts';
import { openTrusted, type Envelope } from './trust.ts';

export interface Host {
  readonly layout: Layout;
  readonly connection: Connection;
  readonly server: Server;
  readonly hostIdentifier: string;
  readonly signerFingerprint: string | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

interface CommandRecord extends PolledCommand {
  readonly stage: 'taken' | 'accepted' | 'done';
  /** Proves to the server that a second acknowledgement comes from who gave the first. */
  readonly token: string;
  /** The verified text; what it says stays true for this command. */
  readonly specification: string;
  readonly outcome?: Outcome;
}

const LOG_CHARACTERS_MAX = 2048;

export async function handleCommand(host: Host, command: PolledCommand): Promise<void> {
  const directory = host.layout.command(command.commandId);
  const record = (await readRecord(directory)) ?? (await takeCommand(host, command, directory));
  if (record) await carryOn(host, record, directory);
}

export async function readRecord(directory: string): Promise<CommandRecord | undefined> {
  const text = await readIfThere(join(directory, 'record.json'));
  return text === undefined ? undefined : (JSON.parse(text) as CommandRecord);
}

/** Asks what the command is about. What is not from the trusted signer fails, and nothing of it is done. */
async function takeCommand(
  host: Host,
  command: PolledCommand,
  directory: string,
): Promise<CommandRecord | undefined> {
  const answer = await host.server.send(
    'GetDeploymentSpecification',
    { DeploymentExecutionId: command.executionId, HostIdentifier: host.hostIdentifier },
    host.signal,
  );
  try {
    if (answer['DeploymentSystem'] !== 'CodeDeploy') throw new Error('The deployment system is unknown.');
    const envelopes = answer['DeploymentSpecification'] as { GenericEnvelope?: Envelope } | undefined;
    const specification = await openTrusted(
      envelopes?.GenericEnvelope,
      host.layout.signer,
      host.signerFingerprint,
    );
    parseSpecification(specification);
    return await writeRecord(directory, { ...command, stage: 'taken', token: createUuid(), specification });
  } catch (error) {
    host.log.error('a deployment specification was refused', { commandId: command.commandId, error });
    await complete(host, command.commandId, failureOf(error, ''));
    return undefined;
  }
}

async function carryOn(host: Host, taken: CommandRecord, directory: string): Promise<void> {
  const specification = parseSpecification(taken.specification);
  let record = taken;
  if (record.stage === 'taken') {
    if (!(await acknowledge(host, record, specification))) return forget(host, specification, directory);
    record = await writeRecord(directory, { ...record, stage: 'accepted' });
    await writeDurably(host.layout.ongoingFile(specification.deploymentId), record.commandId);
  }
  if (record.stage === 'accepted') {
    const outcome = await execute(host, record, specification, directory);
    record = await writeRecord(directory, { ...record, stage: 'done', outcome });
  }
  if (record.outcome) await complete(host, record.commandId, record.outcome);
  await forget(host, specification, directory);
}

/** False when the server does not want the command executed any more, or by this agent. */
async function acknowledge(
  host: Host,
  record: CommandRecord,
  specification: Specification,
): Promise<boolean> {
  const payload = JSON.stringify({
    IsCommandNoop: await isNoop(host, record.commandName, specification),
    AgentToken: record.token,
  });
  const answer = await host.server.send(
    'PutHostCommandAcknowledgement',
    { HostCommandIdentifier: record.commandId, Diagnostics: { Format: 'JSON', Payload: payload } },
    host.signal,
  );
  const status = answer['CommandStatus'];
  return status !== 'Succeeded' && status !== 'Failed';
}

async function isNoop(host: Host, name: string, specification: Specification): Promise<boolean> {
  if (!HOOK_EVENTS.includes(name)) return false;
  try {
    return !(await scriptsOf(host.layout, { name, specification }))?.scripts.length;
  } catch (error) {
    // An AppSpec file with faults is no no-op; executing the event will tell them.
    if (error instanceof EventFailure) return false;
    throw error;
  }
}

async function execute(
  host: Host,
  record: CommandRecord,
  specification: Specification,
  directory: string,
): Promise<Outcome> {
  const { layout, connection, signal } = host;
  const name = record.commandName;
  const { scriptsLog } = layout.deployment(specification.groupId, specification.deploymentId);
  const log = await openEventLog(directory, name, scriptsLog);
  const sender = sendOutput(host.server, record.commandId, log.path, host.log, signal);
  host.log.info('a lifecycle event begins', { event: name, deploymentId: specification.deploymentId });
  try {
    if (name === 'DownloadBundle') {
      await downloadBundle(layout, specification, { ...connection, signal });
    } else if (name === 'Install') {
      await install(layout, specification, join(directory, 'plan.json'));
    } else if (HOOK_EVENTS.includes(name)) {
      await runHooks(layout, { name, specification, directory, log });
    } else {
      throw new EventFailure(`Unsupported command type: ${name}.`);
    }
    return { errorCode: ERROR.success, scriptName: '', message: 'Succeeded', log: '' };
  } catch (error) {
    // Stopping the agent is no failure of the event: the next start goes on with it.
    if (signal.aborted) throw error;
    return failureOf(error, await log.tail(LOG_CHARACTERS_MAX));
  } finally {
    await sender.finish();
  }
}

async function complete(host: Host, commandId: string, outcome: Outcome): Promise<void> {
  const { errorCode, scriptName, message, log } = outcome;
  const payload = JSON.stringify({ error_code: errorCode, script_name: scriptName, message, log });
  await host.server.send(
    'PutHostCommandComplete',
    {
      HostCommandIdentifier: commandId,
      CommandStatus: errorCode === ERROR.success ? 'Succeeded' : 'Failed',
      Diagnostics: { Format: 'JSON', Payload: payload },
    },
    host.signal,
  );
}

function failureOf(error: unknown, log: string): Outcome {
  if (error instanceof EventFailure) {
    return { errorCode: error.errorCode, scriptName: error.scriptName, message: error.message, log };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { errorCode: ERROR.unknown, scriptName: '', message, log };
}

async function writeRecord(directory: string, record: CommandRecord): Promise<CommandRecord> {
  await writeDurably(join(directory, 'record.json'), JSON.stringify(record));
  return record;
}

async function forget(host: Host, { deploymentId }: Specification, directory: string): Promise<void> {
  await rm(host.layout.ongoingFile(deploymentId), { force: true });
  // The record goes first: a folder without one is nothing.
  await rm(join(directory, 'record.json'), { force: true });
  await rm(directory, { recursive: true, force: true });
}
