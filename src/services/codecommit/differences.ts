/** GetDifferences: the trees of two commits, file by file. Pages are pinned to the commits of the first one. */

import { fault } from '#base/fault.ts';
import type { Handler, House } from '#services/service.ts';
import { resolveCommit, withBatch } from './objects.ts';
import { checkPath } from './reading.ts';
import { findRepository, readRows, type Room } from './room.ts';

const DIFFERENCES_PER_PAGE = 400;
const DIFFERENCES_PER_PAGE_MAX = 1000;
const LISTING_BYTES_MAX = 64 * 1024 * 1024;
const TOKEN_PURPOSE = 'codecommit.differences';
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const NO_OBJECT = '0'.repeat(40);

interface Cursor {
  readonly before: string | undefined;
  readonly after: string;
  readonly path: string;
  /** How many differences the pages so far showed. */
  readonly shown: number;
}

export function getDifferences(room: Room): Handler<'codecommit', 'GetDifferences'> {
  const { house } = room;
  return async (call, input) => {
    const repository = await findRepository(readRows(house), input.repositoryName);
    const perPage = input.MaxResults ?? DIFFERENCES_PER_PAGE;
    if (perPage < 1 || perPage > DIFFERENCES_PER_PAGE_MAX) {
      throw fault('InvalidMaxResultsException', `MaxResults must be from 1 to ${DIFFERENCES_PER_PAGE_MAX}`);
    }
    const { beforePath, afterPath } = input;
    if (beforePath !== undefined && beforePath !== afterPath) {
      throw fault(
        'UnsupportedOperationException',
        'Comparing two different paths is not implemented; beforePath must equal afterPath.',
      );
    }
    const cursor =
      input.NextToken === undefined
        ? await withBatch(house, repository.id, call.signal, async (batch): Promise<Cursor> => {
            const after = await resolveCommit(house, repository, batch, input.afterCommitSpecifier);
            const before =
              input.beforeCommitSpecifier === undefined
                ? undefined
                : await resolveCommit(house, repository, batch, input.beforeCommitSpecifier);
            const path = afterPath === undefined ? '' : checkPath(afterPath);
            return { before: before?.commitId, after: after.commitId, path, shown: 0 };
          })
        : openToken(house, input.NextToken, repository.id);
    const all = await compare(house, repository.id, cursor);
    if (all.length === 0 && cursor.path !== '' && !(await pathExists(house, repository.id, cursor))) {
      throw fault('PathDoesNotExistException', `${cursor.path} does not exist in either commit`);
    }
    const differences = all.slice(cursor.shown, cursor.shown + perPage);
    const next = { ...cursor, shown: cursor.shown + differences.length };
    return {
      differences,
      ...(next.shown < all.length
        ? { NextToken: house.keyring.seal(TOKEN_PURPOSE, JSON.stringify(next), repository.id) }
        : {}),
    };
  };
}

function openToken(house: House, token: string, repositoryId: string): Cursor {
  try {
    return JSON.parse(house.keyring.open(TOKEN_PURPOSE, token, repositoryId).toString('utf8')) as Cursor;
  } catch (error) {
    throw fault('InvalidContinuationTokenException', 'The token does not belong to this call', {
      cause: error,
    });
  }
}

async function compare(house: House, repositoryId: string, { before, after, path }: Cursor) {
  const { git, path: pathOf } = house.repositories;
  const options = ['-r', '-z', '--raw', '--no-renames', '--no-abbrev'];
  const text = await git.output(
    [
      ...['--git-dir', pathOf(repositoryId), '--literal-pathspecs', 'diff-tree', ...options],
      ...[before ?? EMPTY_TREE, after, '--', ...(path === '' ? [] : [path])],
    ],
    { outputBytesMax: LISTING_BYTES_MAX },
  );
  const fields = text.toString('utf8').split('\0');
  const differences: ReturnType<typeof differenceOf>[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    differences.push(differenceOf(fields[at] ?? '', fields[at + 1] ?? ''));
  }
  return differences;
}

/** `:100644 100755 <old id> <new id> M` and a path. A change of type is a modification to the API. */
function differenceOf(line: string, path: string) {
  const [oldMode = '', newMode = '', oldId = '', newId = '', status = ''] = line.slice(1).split(' ');
  return {
    ...(oldId === NO_OBJECT ? {} : { beforeBlob: { blobId: oldId, path, mode: oldMode } }),
    ...(newId === NO_OBJECT ? {} : { afterBlob: { blobId: newId, path, mode: newMode } }),
    changeType: status === 'A' ? ('A' as const) : status === 'D' ? ('D' as const) : ('M' as const),
  };
}

async function pathExists(
  house: House,
  repositoryId: string,
  { before, after, path }: Cursor,
): Promise<boolean> {
  const { git, path: pathOf } = house.repositories;
  for (const commitId of [before, after]) {
    if (commitId === undefined) continue;
    const found = await git.output([
      ...['--git-dir', pathOf(repositoryId), '--literal-pathspecs', 'ls-tree', '-z', '--full-tree'],
      ...[commitId, '--', path],
    ]);
    if (found.length > 0) return true;
  }
  return false;
}
