/**
 * A push: the command list is read and judged before anything else, then the body is taken in whole, then git receives
 * it inside the commit section. The client hears the result only when it is recorded.
 */

import type { IncomingMessage } from 'node:http';
import { isFault } from '#base/fault.ts';
import { isBranchName, isReferenceName } from '#core/commit/names.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import { collectStart } from '#store/git.ts';
import { pipeline } from 'node:stream/promises';
import { changeReferences } from './changes.ts';
import {
  MalformedPush,
  parseCommandList,
  refusalReport,
  type CommandList,
  type PushCommand,
} from './pkt-line.ts';
import { recordVisit, type GitVisit } from './record.ts';
import { repositoryArn, type Room } from './room.ts';
import { createSpool, type Spool } from './spool.ts';
import type { RepositoryRow } from './tables.ts';

const COMMANDS_MAX = 4000;
const COMMAND_BYTES_MAX = 4 * 1024 * 1024;
const PUSH_BYTES_MAX = 4 * 1024 ** 3;
/** Of a refused push, so that its client can read why. */
const DISCARDED_BYTES_MAX = 1024 ** 3;
const REPORT_BYTES_MAX = 16 * 1024 * 1024;
const ERROR_TEXT_BYTES_MAX = 8192;
const HIDDEN = 'refs/slipway';

export class PushTooLarge extends Error {
  override readonly name = 'PushTooLarge';
}

export interface Push {
  /** For policies that ask from where. */
  readonly request: IncomingMessage;
  readonly repository: RepositoryRow;
  readonly principal: Principal;
  /** The decoded body. */
  readonly body: AsyncIterable<Buffer>;
  /** For git's own version negotiation. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The body of the answer. Throws `MalformedPush` or `PushTooLarge`, and whatever ends the body early. */
export async function receivePush(room: Room, push: Push): Promise<Buffer> {
  const spool = createSpool(room.house.repositories.scratch);
  try {
    const { list, refusal } = await takeIn(room, push, spool);
    if (list.commands.length === 0) return Buffer.alloc(0);
    if (refusal !== undefined) {
      const denied = { code: 'AccessDenied', message: 'A reference of the push was refused.' };
      await recordVisit(room, { ...visitOf(push), error: denied }, list);
      return refusal;
    }
    const { result } = await changeReferences(room, {
      repository: push.repository,
      callerUserArn: principalArn(push.principal),
      changes: list.commands,
      apply: () => runReceivePack(room, push, spool),
    });
    await recordVisit(room, visitOf(push), list);
    return result;
  } finally {
    await spool.close();
  }
}

function visitOf({ request, principal, repository }: Push): GitVisit {
  const service = 'git-receive-pack';
  const { name: repositoryName, id: repositoryId } = repository;
  return { request, principal, service, repositoryName, repositoryId, isTransfer: true };
}

interface TakenIn {
  readonly list: CommandList;
  readonly refusal: Buffer | undefined;
}

async function takeIn(room: Room, push: Push, spool: Spool): Promise<TakenIn> {
  let head = Buffer.alloc(0);
  let taken: TakenIn | undefined;
  let size = 0;
  for await (const chunk of push.body) {
    size += chunk.length;
    if (taken?.refusal !== undefined) {
      if (size > DISCARDED_BYTES_MAX) throw new PushTooLarge('the push was refused');
      continue;
    }
    if (size > PUSH_BYTES_MAX) throw new PushTooLarge(`a push can have ${PUSH_BYTES_MAX} bytes`);
    await spool.write(chunk);
    if (taken) continue;
    head = Buffer.concat([head, chunk]);
    const list = parseCommandList(head);
    if (list) taken = { list, refusal: await judge(room, push, list) };
    else if (head.length > COMMAND_BYTES_MAX) throw new MalformedPush('the command list is too long');
  }
  if (!taken) throw new MalformedPush('the push ended inside its command list');
  return taken;
}

/** One refused reference refuses the whole push; every reference gets its line. */
async function judge(room: Room, push: Push, list: CommandList): Promise<Buffer | undefined> {
  const { commands } = list;
  if (commands.length > COMMANDS_MAX) {
    const reason = `too many reference update commands (${commands.length}, ${COMMANDS_MAX} are allowed)`;
    return refusalReport(list, () => reason, reason);
  }
  const reasons = new Map<PushCommand, string>();
  const names = new Set<string>();
  for (const command of commands) {
    const reason = names.has(command.name)
      ? 'named twice'
      : (wrongName(push.repository, command) ?? (await denial(room, push, command)));
    names.add(command.name);
    if (reason !== undefined) reasons.set(command, reason);
  }
  if (reasons.size === 0) return undefined;
  const [first] = reasons.values();
  return refusalReport(
    list,
    (command) => reasons.get(command) ?? 'refused together with other references of this push',
    `The push was refused: ${first}`,
  );
}

function wrongName(repository: RepositoryRow, { name, newId }: PushCommand): string | undefined {
  if (name === HIDDEN || name.startsWith(`${HIDDEN}/`)) return 'this reference is reserved';
  if (!isReferenceName(name)) return 'not a valid reference name';
  if (!name.startsWith('refs/heads/')) return undefined;
  const branch = name.slice('refs/heads/'.length);
  if (!isBranchName(branch)) return 'not a valid branch name';
  if (newId === undefined && branch === repository.default_branch)
    return 'the default branch cannot be deleted';
  return undefined;
}

async function denial(room: Room, push: Push, { name }: PushCommand): Promise<string | undefined> {
  try {
    const permission = {
      action: 'codecommit:GitPush',
      resource: repositoryArn(room.house, push.repository.name),
      context: { 'codecommit:References': name },
    };
    await room.house.trust.authorize(push.principal, [permission], push.request);
    return undefined;
  } catch (error) {
    if (!isFault(error)) throw error;
    return `you do not have permission to push to ${name}`;
  }
}

async function runReceivePack(room: Room, push: Push, spool: Spool): Promise<Buffer> {
  const { git, path } = room.house.repositories;
  const args = ['receive-pack', '--stateless-rpc', path(push.repository.id)];
  const process = git.start(args, { environment: push.environment });
  try {
    const [report, errors, code] = await Promise.all([
      collectReport(process.stdout),
      collectStart(process.stderr, ERROR_TEXT_BYTES_MAX),
      process.ended,
      // Git may have said all it wants before it read everything.
      pipeline(spool.read(), process.stdin).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
      }),
    ]);
    if (code !== 0) {
      room.house.log.warn('codecommit: git receive-pack failed', {
        repositoryId: push.repository.id,
        code,
        errors,
      });
      if (report.length === 0) throw new Error(`git receive-pack ended with code ${code}: ${errors.trim()}`);
    }
    return report;
  } finally {
    process.kill();
  }
}

async function collectReport(stdout: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdout) {
    size += chunk.length;
    if (size > REPORT_BYTES_MAX) throw new Error('git receive-pack reports without end');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
