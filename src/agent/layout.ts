/**
 * Where the agent keeps what. Everything but `slipway/` and `signer.pem` lies as AWS's agent lays it, so that a host
 * may change from one agent to the other between two deployments and its files are still cleaned up.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';

export interface Layout {
  readonly root: string;
  /** Pinned certificate of the signer. */
  readonly signer: string;
  /** Held by the one agent of this root. */
  readonly lock: string;
  /** One folder per command that is under way, of our own. */
  readonly commands: string;
  readonly instructions: string;
  readonly ongoing: string;
  command(commandId: string): string;
  group(groupId: string): string;
  deployment(groupId: string, deploymentId: string): Deployment;
  installFile(groupId: string): string;
  cleanupFile(groupId: string): string;
  /** Names the deployment whose files are installed. */
  lastSuccessfulInstall(groupId: string): string;
  mostRecentInstall(groupId: string): string;
  ongoingFile(deploymentId: string): string;
}

export interface Deployment {
  readonly directory: string;
  readonly bundle: string;
  readonly archive: string;
  readonly scriptsLog: string;
}

export function createLayout(root: string): Layout {
  const instructions = join(root, 'deployment-instructions');
  const ongoing = join(root, 'ongoing-deployment');
  const commands = join(root, 'slipway', 'commands');
  return {
    root,
    signer: join(root, 'signer.pem'),
    lock: join(root, 'slipway', 'agent.lock'),
    commands,
    instructions,
    ongoing,
    command: (commandId) => join(commands, createHash('sha256').update(commandId).digest('hex').slice(0, 32)),
    group: (groupId) => join(root, groupId),
    deployment: (groupId, deploymentId) => deploymentAt(join(root, groupId, deploymentId)),
    installFile: (groupId) => join(instructions, `${groupId}-install.json`),
    cleanupFile: (groupId) => join(instructions, `${groupId}-cleanup`),
    lastSuccessfulInstall: (groupId) => join(instructions, `${groupId}_last_successful_install`),
    mostRecentInstall: (groupId) => join(instructions, `${groupId}_most_recent_install`),
    ongoingFile: (deploymentId) => join(ongoing, deploymentId),
  };
}

export function deploymentAt(directory: string): Deployment {
  return {
    directory,
    bundle: join(directory, 'bundle.tar'),
    archive: join(directory, 'deployment-archive'),
    scriptsLog: join(directory, 'logs', 'scripts.log'),
  };
}
