/**
 * A commit's tree as a ZIP stream, from `git ls-tree` and one `git cat-file --batch`. Not `git archive`, which obeys
 * `export-ignore` and would leave files out. Blobs pass one at a time, so memory stays flat whatever their size.
 */

import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import { ZipFile } from 'yazl';
import { present } from '#base/assert.ts';
import type { Git, GitProcess } from './git.ts';
import { openBatch, type Batch } from './batch.ts';

export class CommitNotFound extends Error {
  override readonly name = 'CommitNotFound';
}

export class ArchiveTooLarge extends Error {
  override readonly name = 'ArchiveTooLarge';
}

const ARCHIVE_FILES_MAX = 100_000;
const ARCHIVE_BYTES_MAX = 2 * 1024 ** 3;
const LISTING_BYTES_MAX = 64 * 1024 * 1024;

const OBJECT_ID = /^[0-9a-f]{40}$/;
const GITLINK = '160000';
const UNIX_MODES: Readonly<Record<string, number>> = {
  '100644': 0o100644,
  '100664': 0o100644,
  '100755': 0o100755,
  '120000': 0o120777,
};

interface Entry {
  readonly mode: string;
  readonly objectId: string;
  readonly sizeBytes: number;
  readonly path: string;
}

export async function archiveTree(
  git: Git,
  repository: string,
  commitId: string,
  signal?: AbortSignal,
): Promise<Readable> {
  if (!OBJECT_ID.test(commitId)) throw new CommitNotFound(`${commitId} is not a commit id`);
  const options = signal ? { signal } : {};
  const process = git.start(['--git-dir', repository, 'cat-file', '--batch'], options);
  try {
    const batch = openBatch(process);
    const time = await commitTime(batch, commitId);
    const listing = ['--git-dir', repository, 'ls-tree', '-r', '-z', '-l', '--full-tree', commitId];
    const text = await git.output(listing, { ...options, outputBytesMax: LISTING_BYTES_MAX });
    return zip(parseEntries(text.toString('utf8')), time, batch, process);
  } catch (error) {
    process.kill();
    throw error;
  }
}

async function commitTime(batch: Batch, commitId: string): Promise<Date> {
  const commit = await batch.read(commitId);
  if (commit?.type !== 'commit') throw new CommitNotFound(`${commitId} is not a commit of this repository`);
  const seconds = /^committer .* (\d+) [+-]\d{4}$/m.exec(commit.content.toString('utf8'))?.[1];
  return new Date(Number(present(seconds, `committer time of ${commitId}`)) * 1000);
}

function parseEntries(text: string): readonly Entry[] {
  const entries = text
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const [head = '', path = ''] = [line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)];
      const [mode = '', , objectId = '', size = ''] = head.split(/ +/);
      return { mode, objectId, sizeBytes: size === '-' ? 0 : Number(size), path };
    });
  if (entries.length > ARCHIVE_FILES_MAX) {
    throw new ArchiveTooLarge(`the tree has ${entries.length} files, ${ARCHIVE_FILES_MAX} are allowed`);
  }
  const bytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  if (bytes > ARCHIVE_BYTES_MAX) {
    throw new ArchiveTooLarge(`the tree has ${bytes} bytes, ${ARCHIVE_BYTES_MAX} are allowed`);
  }
  return entries;
}

function zip(entries: readonly Entry[], mtime: Date, batch: Batch, process: GitProcess): Readable {
  const file = new ZipFile();
  for (const { mode, objectId, path } of entries) {
    if (mode === GITLINK) {
      file.addEmptyDirectory(path, { mtime, mode: 0o040755 });
      continue;
    }
    const unixMode = present(UNIX_MODES[mode], `Unix mode of ${mode}`);
    // yazl asks for one stream after the other, in order, each only when it is its turn, and leaves its errors to us.
    file.addReadStreamLazy(path, { mtime, mode: unixMode }, (open) => {
      const content = ReadableStream.from(batch.stream(objectId), { objectMode: false });
      content.on('error', (error) => file.emit('error', error));
      open(null, content);
    });
  }
  file.end();
  // yazl declares its output as any readable; it is a PassThrough.
  const output = file.outputStream as Readable;
  file.on('error', (error: Error) => output.destroy(error));
  output.once('close', () => process.kill());
  output.once('end', () => process.stdin.end());
  return output;
}
