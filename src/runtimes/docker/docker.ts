/**
 * The `docker` runtime: a container for each sandbox, in a Docker Engine of this machine, around the same supervisor
 * and the same files as any other sandbox. The container belongs to the engine and not to the server, so the server's
 * death does not touch it; its name and its id in the build's folder find it again. Its commands see the image, their
 * own workspace and home, and nothing of the machine; the engine's socket is in no container.
 */

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { attach } from '#runtimes/attached.ts';
import { killsIn, memoryFolderOf } from '#runtimes/cgroups.ts';
import { watchDisk, type DiskWatch } from '#runtimes/disk.ts';
import type { BuildNetwork } from '#runtimes/egress.ts';
import { openNetwork, type NetworkPlan } from '#runtimes/network.ts';
import { ImageProblem, type Runtime, type Sandbox, type SandboxPlan } from '#runtimes/runtime.ts';
import { supervisorScript } from '#runtimes/supervisor.ts';
import { prepareChannel } from './channel.ts';
import { createEngine, EngineError, type Engine, type EngineContainer, type EngineInfo } from './engine.ts';
import { describeContainer, userText } from './facts.ts';
import { createImages } from './images.ts';
import { killContainer } from './kill.ts';
import { followLife } from './life.ts';
import { mappingOf } from './mapping.ts';
import { containerPlan, HOME, LABEL, privilegedScript, volumeNames, type Mapping } from './plan.ts';

export interface DockerOptions {
  readonly socketPath: string;
  /** What commands may reach; by default the machine's network. */
  readonly network?: BuildNetwork;
  /** Whether a build may have an engine of its own, with which it can become root of this machine. */
  readonly arePrivilegedAllowed?: boolean;
}

export const DOCKER_SOCKET_DEFAULT = '/var/run/docker.sock';

export function createDockerRuntime(options: DockerOptions): Runtime {
  const engine = createEngine(options.socketPath);
  const images = createImages(engine, privilegedProblem(options));
  return {
    name: 'docker',
    images,
    problem: () => findProblem(options, engine),
    // The engine knows nothing of the folder that the server stands in.
    open: (plan) => openContainer(options, engine, { ...plan, directory: resolve(plan.directory) }),
    kill: (directory, graceMs) => killContainer(engine, resolve(directory), graceMs),
  };
}

/** What an engine that can be used is, for people. */
export async function describeEngine(socketPath: string): Promise<string> {
  const info = await createEngine(socketPath).info();
  return `Docker ${info.ServerVersion} at ${socketPath}, ${userText(mappingOf(info, socketPath))}`;
}

function privilegedProblem({ arePrivilegedAllowed = false, network }: DockerOptions): string | undefined {
  if (!arePrivilegedAllowed) {
    return 'the operator of this server has not allowed it (SLIPWAY_PRIVILEGED_BUILDS)';
  }
  const isApart = network !== undefined && network.type !== 'on';
  if (isApart) return undefined;
  return 'under SLIPWAY_BUILD_NETWORK=on the engine of a build would manage the network of this machine';
}

async function findProblem(options: DockerOptions, engine: Engine): Promise<string | undefined> {
  if (!existsSync(options.socketPath)) return `there is no Docker Engine at ${options.socketPath}`;
  try {
    const info = await engine.info();
    if (info.OSType !== 'linux')
      return `the Docker Engine at ${options.socketPath} runs ${info.OSType} images`;
    const { type } = mappingOf(info, options.socketPath);
    const isOpenable = process.getuid?.() === 0 && type !== 'rootless';
    if (options.network?.type === 'allow' && !isOpenable) {
      return (
        'only a server of root opens the doors of a container on an engine of root: ' +
        'set SLIPWAY_BUILD_NETWORK to off or on'
      );
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return error.message;
  }
}

async function openContainer(options: DockerOptions, engine: Engine, plan: SandboxPlan): Promise<Sandbox> {
  const info = await engine.info();
  const mapping = mappingOf(info, options.socketPath);
  const network: NetworkPlan = { setting: options.network ?? { type: 'on' }, endpoint: plan.endpoint };
  writeFileSync(join(plan.directory, 'name'), plan.id);
  const known = readContainerId(plan.directory);
  const id = known ?? (await createContainer(options, engine, plan, info, mapping, network));
  const attached = known !== undefined && (await engine.findContainer(id))?.State.Status !== 'created';
  if (!attached) await start(engine, plan, id, mapping);
  const container = await engine.findContainer(id);
  const life = followLife(engine, id, container);
  const disk = watchContainer(engine, plan, id, container);
  const close = () => {
    disk.stop();
    life.stop();
  };
  try {
    const memory = memoryFolderOf(container?.State.Pid ?? 0);
    const attachment = await attach({
      directory: plan.directory,
      isAlive: life.isAlive,
      outOfMemoryKills: () => (memory === undefined ? 0 : (killsIn(memory) ?? 0)),
      reasonOfDeath: () => disk.verdict() ?? life.reasonOfDeath(),
      shells: { sh: '/bin/sh', bash: '/bin/bash' },
    });
    const gate = await openDoors(network, container, life.isAlive, attached).catch((error: unknown) => {
      attachment.release();
      throw error;
    });
    return {
      facts: describeContainer({ info, container, mapping, network, plan }),
      attached,
      workspace: plan.workspace,
      workspaceDirectory: join(plan.directory, 'workspace'),
      readonlyDirectory: join(plan.directory, 'readonly'),
      home: HOME,
      owner: mapping.owner,
      logFile: join(plan.directory, 'log'),
      perform: attachment.perform,
      release() {
        close();
        gate?.close();
        attachment.release();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Found by its name when an earlier life made it and could not write that down. */
async function createContainer(
  options: DockerOptions,
  engine: Engine,
  plan: SandboxPlan,
  info: EngineInfo,
  mapping: Mapping,
  network: NetworkPlan,
): Promise<string> {
  const { image, directory } = plan;
  if (!image)
    throw new Error(`the container of ${plan.id} is not known any more, and there is no image to make it of`);
  const problem = image.isPrivileged ? privilegedProblem(options) : undefined;
  if (problem !== undefined) throw new ImageProblem(problem);
  if (image.isPrivileged && mapping.type !== 'own root') {
    throw new ImageProblem('the engine of a build needs one around it that is root of this machine');
  }
  const name = `slipway-${plan.id}`;
  await prepareChannel(directory, mapping.owner);
  const readonlyPath = join(plan.workspace, 'readonly');
  const supervision = { seconds: plan.limits.seconds, ends: 'namespace' } as const;
  writeScript(directory, 'supervisor.sh', supervisorScript(readonlyPath, supervision));
  writeScript(directory, 'privileged.sh', privilegedScript(readonlyPath));
  const volumes = Object.entries(volumeNames(plan.id));
  for (const [folder, volume] of volumes) await engine.createVolume(volume, join(directory, folder));
  const parts = { plan, info, mapping, network, imageId: image.id, isPrivileged: image.isPrivileged };
  const id =
    (await asImageProblem(engine.createContainer(name, containerPlan(parts)))) ??
    (await findOwn(engine, name, directory));
  writeFileSync(join(directory, 'container.new'), id, { mode: 0o600 });
  renameSync(join(directory, 'container.new'), join(directory, 'container'));
  return id;
}

async function findOwn(engine: Engine, name: string, directory: string): Promise<string> {
  const container = await engine.findContainer(name);
  if (container?.Config.Labels?.[LABEL] === directory) return container.Id;
  throw new Error(`a container named ${name} is there already, and is not of this server`);
}

async function start(engine: Engine, plan: SandboxPlan, id: string, mapping: Mapping): Promise<void> {
  await prepareChannel(plan.directory, mapping.owner);
  await asImageProblem(engine.start(id));
}

export function readContainerId(directory: string): string | undefined {
  const path = join(directory, 'container');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function writeScript(directory: string, name: string, text: string): void {
  writeFileSync(join(directory, 'readonly', name), text, { mode: 0o644 });
}

/** What the engine refuses of this image is told as that. */
async function asImageProblem<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof EngineError) || error.status === undefined) throw error;
    throw new ImageProblem(error.message, { cause: error });
  }
}

/** What lies over the image counts too: seen where the engine keeps it, or as the engine counts it. */
function watchContainer(
  engine: Engine,
  plan: SandboxPlan,
  id: string,
  container: EngineContainer | undefined,
): DiskWatch {
  const upper = container?.GraphDriver?.Data?.['UpperDir'];
  const elsewhere =
    upper !== undefined && existsSync(upper)
      ? { folders: [upper, join(plan.directory, 'docker')], bytes: () => Promise.resolve(0) }
      : { folders: [join(plan.directory, 'docker')], bytes: () => engine.writtenBytes(id).catch(() => 0) };
  return watchDisk(
    plan.directory,
    plan.limits.diskBytes,
    () => void engine.kill(id).catch(() => {}),
    elsewhere,
  );
}

/** As for a sandbox: of one that is found again they open if they can. */
async function openDoors(
  network: NetworkPlan,
  container: EngineContainer | undefined,
  isAlive: () => boolean,
  attached: boolean,
) {
  const pid = container?.State.Pid ?? 0;
  if (network.setting.type !== 'allow' || pid === 0) return undefined;
  try {
    return await openNetwork(network, pid, false);
  } catch (error) {
    if (attached || !isAlive()) return undefined;
    throw error;
  }
}
