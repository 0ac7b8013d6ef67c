/**
 * A Docker Engine as this runtime uses it: a dozen of its calls, on this machine. What it answers about an absent thing
 * is `undefined`; everything else that is not success is an `EngineError`.
 * https://docs.docker.com/reference/api/engine/
 */

import type { IncomingMessage } from 'node:http';
import { absent, createCaller, EngineError, type Call, type RegistryCredentials } from './calls.ts';

export { EngineError, type RegistryCredentials };

/** A pull of the largest image that AWS takes, over a slow line. */
const PULL_MS_MAX = 60 * 60_000;
const LINE_LENGTH_MAX = 64 * 1024;
const REFERENCE = /^[A-Za-z0-9][\w.:/@-]{0,499}$/;

export interface Engine {
  readonly socketPath: string;
  info(): Promise<EngineInfo>;
  findImage(reference: string): Promise<EngineImage | undefined>;
  /** Resolves once the image is there. `credentials` leave this process only through the engine's socket. */
  pull(reference: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<void>;
  /** A folder of this machine that takes over, when first mounted empty, what the image has in its place. */
  createVolume(name: string, directory: string): Promise<void>;
  removeVolume(name: string): Promise<void>;
  /** Returns the id; `undefined` when a container of this name is already there. */
  createContainer(name: string, plan: unknown): Promise<string | undefined>;
  findContainer(nameOrId: string): Promise<EngineContainer | undefined>;
  /** Harmless when it runs already. */
  start(id: string): Promise<void>;
  /** Resolves when the container does not run, or is not there. */
  ended(id: string, signal: AbortSignal): Promise<void>;
  /** Harmless when it does not run. */
  kill(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Starts a command in a running container and does not wait for its end. */
  execute(id: string, command: readonly string[]): Promise<void>;
  /** How many processes a container has; `undefined` when the engine cannot tell. */
  countProcesses(id: string): Promise<number | undefined>;
  /** Bytes that a container has written over its image. */
  writtenBytes(id: string): Promise<number>;
}

export interface EngineInfo {
  readonly ServerVersion: string;
  readonly OSType: string;
  readonly DockerRootDir: string;
  readonly SecurityOptions: readonly string[] | null;
  readonly MemoryLimit: boolean;
  readonly SwapLimit: boolean;
  readonly CpuCfsQuota: boolean;
  readonly PidsLimit: boolean;
  readonly CgroupVersion?: string;
  readonly NCPU: number;
}

export interface EngineImage {
  readonly Id: string;
  readonly RepoDigests: readonly string[] | null;
  readonly Architecture: string;
  readonly Os: string;
}

export interface EngineContainer {
  readonly Id: string;
  readonly Image: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
  };
  readonly GraphDriver?: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
}

export function createEngine(socketPath: string): Engine {
  const { ask, follow } = createCaller(socketPath);

  return {
    socketPath,
    info: () => ask({ method: 'GET', path: '/info', ok: [200] }),
    findImage: (reference) =>
      absent(ask({ method: 'GET', path: `/images/${checkReference(reference)}/json`, ok: [200] }), 404),
    async pull(reference, credentials, signal) {
      const { name, tag } = splitReference(checkReference(reference));
      const call: Call = {
        method: 'POST',
        path: '/images/create',
        query: { fromImage: name, tag },
        ok: [200],
        signal: AbortSignal.any([signal, AbortSignal.timeout(PULL_MS_MAX)]),
        credentials,
      };
      await follow(call, readProgress);
    },
    async createVolume(name, directory) {
      const options = { type: 'none', o: 'bind', device: directory };
      const body = { Name: name, Driver: 'local', DriverOpts: options };
      await ask({ method: 'POST', path: '/volumes/create', body, ok: [200, 201] });
    },
    async removeVolume(name) {
      await absent(ask({ method: 'DELETE', path: `/volumes/${name}`, ok: [204] }), 404);
    },
    async createContainer(name, plan) {
      const call = { method: 'POST', path: '/containers/create', query: { name }, body: plan } as const;
      const answer = await absent(ask<{ Id: string }>({ ...call, ok: [201] }), 409);
      return answer?.Id;
    },
    findContainer: (id) => absent(ask({ method: 'GET', path: `/containers/${id}/json`, ok: [200] }), 404),
    async start(id) {
      await ask({ method: 'POST', path: `/containers/${id}/start`, ok: [204, 304] });
    },
    async ended(id, signal) {
      const query = { condition: 'not-running' };
      const call = { method: 'POST', path: `/containers/${id}/wait`, query, ok: [200], signal } as const;
      await absent(ask(call), 404);
    },
    async kill(id) {
      await absent(ask({ method: 'POST', path: `/containers/${id}/kill`, ok: [204] }), 404, 409);
    },
    async remove(id) {
      // A conflict is a removal that is already on its way.
      const call = { method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } } as const;
      await absent(ask({ ...call, ok: [204] }), 404, 409);
    },
    async execute(id, command) {
      const body = { Cmd: command, User: '0:0', AttachStdout: false, AttachStderr: false };
      const made = await ask<{ Id: string }>({
        method: 'POST',
        path: `/containers/${id}/exec`,
        body,
        ok: [201],
      });
      await ask({ method: 'POST', path: `/exec/${made.Id}/start`, body: { Detach: true }, ok: [200] });
    },
    async countProcesses(id) {
      try {
        const path = `/containers/${id}/top`;
        return (await ask<{ Processes: unknown[] }>({ method: 'GET', path, ok: [200] })).Processes.length;
      } catch (error) {
        if (error instanceof EngineError && error.status !== undefined) return undefined;
        throw error;
      }
    },
    async writtenBytes(id) {
      const call = { method: 'GET', path: `/containers/${id}/json`, query: { size: true } } as const;
      const answer = await absent(ask<{ SizeRw?: number }>({ ...call, ok: [200] }), 404);
      return answer?.SizeRw ?? 0;
    },
  };
}

/** The engine tells of a failure in the midst of what it answers with success, one object a line. */
async function readProgress(stream: IncomingMessage): Promise<void> {
  let rest = '';
  for await (const part of stream as AsyncIterable<Buffer>) {
    const lines = (rest + part.toString()).split('\n');
    rest = (lines.pop() ?? '').slice(-LINE_LENGTH_MAX);
    for (const line of lines) checkProgress(line);
  }
  checkProgress(rest);
}

function checkProgress(line: string): void {
  if (!line.includes('"error"')) return;
  const { error } = JSON.parse(line) as { error?: unknown };
  if (typeof error === 'string') throw new EngineError(error, 500, undefined);
}

/** Nothing that could be more than a name in a path. */
function checkReference(reference: string): string {
  if (REFERENCE.test(reference) && !reference.includes('..')) return reference;
  throw new EngineError('invalid reference format', 400, undefined);
}

/** Without a tag the engine would pull all of them. */
export function splitReference(reference: string): { readonly name: string; readonly tag: string } {
  const digest = reference.indexOf('@');
  if (digest >= 0) {
    return { name: splitReference(reference.slice(0, digest)).name, tag: reference.slice(digest + 1) };
  }
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1);
  if (colon < 0) return { name: reference, tag: 'latest' };
  return { name: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}
