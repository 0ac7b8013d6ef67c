/**
 * Doors between a build's own network namespace and this server. A socket belongs to the namespace in which it was
 * made, whoever holds it: a helper enters the namespace for a moment, listens there, and hands the listening sockets
 * over. No process of ours stays inside, nothing is routed, and no root is needed. The doors close with the server;
 * whoever attaches to the sandbox again opens them again.
 */

import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { SEARCH_PATH } from './launch.ts';
import { join } from './proxy.ts';

export interface Door {
  /** Where it is found inside: an address, and a port that is free there. */
  readonly host: string;
  readonly port: number;
  take(socket: Socket): void;
}

export interface Gate {
  close(): void;
}

/** Outside of what the kernel hands out by itself, and of what builds are likely to want. */
export const PROXY_PORT = 61_128;
const OPEN_MS_MAX = 20_000;
const COMPLAINT_LENGTH_MAX = 2000;

/** Runs inside: every address must be one of this namespace, and this namespace must not be the server's. */
const HELPER = `
const [outside, ...doors] = process.argv.slice(1);
if (require('fs').readlinkSync('/proc/self/ns/net') === outside) throw new Error('still outside');
doors.forEach((door, number) => {
  const server = require('net').createServer();
  server.once('error', (error) => process.send({ number, problem: error.message }));
  server.listen(JSON.parse(door), () => process.send({ number }, server, () => server.close()));
});
process.on('disconnect', () => process.exit());
`;

/** Opens doors in the network namespace of process `id`, which is another one than ours. */
export async function openGate(id: number, isOwnUser: boolean, doors: readonly Door[]): Promise<Gate> {
  if (doors.length === 0) return { close() {} };
  const outside = readlinkSync('/proc/self/ns/net');
  const places = doors.map(({ host, port }) => JSON.stringify({ host, port }));
  const enter = [
    `--net=/proc/${id}/ns/net`,
    ...(isOwnUser ? [`--user=/proc/${id}/ns/user`, '--preserve-credentials'] : []),
  ];
  // An address that this machine has on a real interface is given to the loopback inside.
  const foreign = [...new Set(doors.map(({ host }) => host))].filter((host) => !isLoopbackOrAny(host));
  const script = `${foreign.map((host) => `ip address replace '${host}' dev lo || exit 1\n`).join('')}exec "$@"`;
  const child = spawn(
    'nsenter',
    [...enter, '/bin/sh', '-c', script, 'sh', process.execPath, '-e', HELPER, outside, ...places],
    { env: { PATH: SEARCH_PATH }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  );
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
  };
  let complaint = '';
  child.stderr?.on('data', (part: Buffer) => {
    if (complaint.length < COMPLAINT_LENGTH_MAX) complaint += part.toString();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), OPEN_MS_MAX);
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`the sandbox's network could not be opened: ${why}`));
      child.once('error', (error) => fail(error.message));
      child.once('exit', (status) => fail(`${complaint.trim().split('\n').pop() ?? ''} (status ${status})`));
      child.on('message', (message: { number: number; problem?: string }, handle) => {
        if (message.problem !== undefined) return fail(message.problem);
        const server = handle as Server;
        const door = doors[message.number] as Door;
        server.on('connection', (socket) => {
          socket.on('error', () => socket.destroy());
          door.take(socket);
        });
        server.unref();
        servers.push(server);
        if (servers.length === doors.length) resolve();
      });
    });
  } catch (error) {
    close();
    throw error;
  } finally {
    clearTimeout(timer);
    if (child.connected) child.disconnect();
  }
  return { close };
}

/** Joins a connection from inside with one to a service outside. */
export function forwardTo(host: string, port: number): (socket: Socket) => void {
  return (socket) => {
    const target = connect({ host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port });
    target.on('error', () => socket.destroy());
    socket.once('close', () => target.destroy());
    join(socket, target);
  };
}

function isLoopbackOrAny(host: string): boolean {
  return host.startsWith('127.') || ['::1', '::', '0.0.0.0'].includes(host);
}
