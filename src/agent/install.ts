/**
 * Installs the files of a deployment in the place of those of the last one. Planned whole before anything is touched;
 * each file is copied beside its place and renamed into it, so nobody ever sees half a file or a gap; only then goes
 * what is no longer wanted. After a crash the same plan is carried out again: every step may happen twice.
 */

import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  utimes,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, isMissing, readIfThere, writeDurably } from './files.ts';
import { readAppSpec } from './hooks.ts';
import { planInstall, type Instruction } from './install-plan.ts';
import type { Layout } from './layout.ts';
import { EventFailure } from './outcome.ts';
import type { Specification } from './specification.ts';

/** `planned` is a file of the command: once it is there, the plan is made and is not made again. */
export async function install(layout: Layout, specification: Specification, planned: string): Promise<void> {
  const { groupId, deploymentId } = specification;
  const deployment = layout.deployment(groupId, deploymentId);
  const cleanup = layout.cleanupFile(groupId);
  const earlier = await readIfThere(planned);
  const plan = earlier === undefined ? await makePlan() : (JSON.parse(earlier) as Plan);

  async function makePlan(): Promise<Plan> {
    const old = parseCleanup(await readIfThere(cleanup));
    const appSpec = await readAppSpec(deployment.archive, specification.appSpecFilename);
    const instructions = await planInstall(
      appSpec,
      deployment.archive,
      specification.fileExistsBehavior,
      new Set(old),
    );
    const made: Plan = { old, instructions };
    await writeDurably(layout.installFile(groupId), JSON.stringify({ instructions }));
    await writeDurably(planned, JSON.stringify(made));
    return made;
  }

  const paths = pathsOf(plan.instructions);
  const wanted = new Set(paths);
  const files = new Set(
    plan.instructions.flatMap((step) => (step.type === 'copy' ? [step.destination] : [])),
  );
  const left = plan.old.filter((path) => !wanted.has(path));
  // While both versions are on the disk, whoever cleans up must know of both.
  await writeCleanup(cleanup, [...left, ...paths]);
  // Where a file takes the place of a folder, what the folder held has to go before.
  await removeOld(left.filter((path) => isBelow(path, files)));
  await carryOut(plan.instructions);
  await removeOld(left);
  await writeCleanup(cleanup, paths);
  await writeDurably(layout.lastSuccessfulInstall(groupId), deployment.directory);
}

interface Plan {
  /** What the last Install made, in order. */
  readonly old: readonly string[];
  readonly instructions: readonly Instruction[];
}

/** A last line without its end was cut off by a crash and does not count. Lines of SELinux are not ours to undo. */
function parseCleanup(text: string | undefined): readonly string[] {
  const whole = (text ?? '').slice(0, (text ?? '').lastIndexOf('\n') + 1);
  return whole.split('\n').filter((line) => line.startsWith('/'));
}

async function writeCleanup(path: string, lines: readonly string[]): Promise<void> {
  await writeDurably(path, lines.map((line) => `${line}\n`).join(''));
}

function pathsOf(instructions: readonly Instruction[]): readonly string[] {
  return instructions.flatMap((instruction) => {
    if (instruction.type === 'mkdir') return [instruction.directory];
    return instruction.type === 'copy' ? [instruction.destination] : [];
  });
}

function isBelow(path: string, files: ReadonlySet<string>): boolean {
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
    if (files.has(above)) return true;
  }
  return false;
}

async function carryOut(instructions: readonly Instruction[]): Promise<void> {
  const permissions = new Map<string, Instruction[]>();
  for (const instruction of instructions) {
    if (!('file' in instruction)) continue;
    permissions.set(instruction.file, [...(permissions.get(instruction.file) ?? []), instruction]);
  }
  for (const instruction of instructions) {
    if (instruction.type === 'mkdir') await makeDirectory(instruction.directory);
    if (instruction.type === 'copy') {
      const { source, destination } = instruction;
      await putFile(source, destination, permissions.get(destination) ?? []);
      permissions.delete(destination);
    }
  }
  // Folders get theirs last, so that one without write permission can still be filled.
  for (const [path, orders] of permissions) for (const order of orders) await setPermission(order, path);
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if ((await lstat(path)).isDirectory()) return;
    // A file or link of the last version stands where a folder comes now; the plan has seen to it that it is ours.
    await unlink(path);
    await mkdir(path);
  }
}

async function putFile(source: string, destination: string, orders: readonly Instruction[]): Promise<void> {
  const temporary = join(dirname(destination), `.${basename(destination)}.slipway-new`);
  await rm(temporary, { force: true });
  const facts = await lstat(source);
  if (facts.isSymbolicLink()) {
    await symlink(await readlink(source), temporary);
  } else {
    await copyFile(source, temporary);
    await chmod(temporary, facts.mode & 0o7777);
    await utimes(temporary, facts.atime, facts.mtime);
    for (const order of orders) await setPermission(order, temporary);
    const file = await open(temporary, 'r');
    await file.sync();
    await file.close();
  }
  try {
    await rename(temporary, destination);
  } catch (error) {
    if (codeOf(error) !== 'EISDIR') throw error;
    // A folder of the last version stands there; it is ours, and goes if nobody else has put anything in it.
    await rmdir(destination);
    await rename(temporary, destination);
  }
}

async function setPermission(order: Instruction, path: string): Promise<void> {
  switch (order.type) {
    case 'chmod':
      return chmod(path, Number.parseInt(order.mode, 8));
    case 'setfacl':
      return run('setfacl', ['--modify', order.acl.join(','), '--', path]);
    case 'chown':
      return run('chown', [
        `${order.owner ?? ''}${order.group === undefined ? '' : `:${order.group}`}`,
        path,
      ]);
    case 'mkdir':
    case 'copy':
      return;
  }
}

async function run(command: string, parameters: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(command, [...parameters]);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new EventFailure(`The deployment failed because permissions could not be set: ${detail}`);
  }
}

/** From the end: what a folder holds goes before it. Folders that others still use stay. */
async function removeOld(paths: readonly string[]): Promise<void> {
  for (const path of [...paths].reverse()) {
    try {
      if ((await lstat(path)).isDirectory()) await rmdir(path);
      else await unlink(path);
    } catch (error) {
      const code = codeOf(error);
      if (!isMissing(error) && code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EBUSY') throw error;
    }
  }
}
