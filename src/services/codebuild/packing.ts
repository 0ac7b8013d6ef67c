/** Packs collected files into a ZIP file, and says what it hashes to. */

import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { CollectedFile } from './collect.ts';

/** The same files give the same archive. */
export async function pack(
  files: readonly CollectedFile[],
  archive: string,
): Promise<{ sha256: string; md5: string }> {
  if (existsSync(archive)) rmSync(archive);
  const zip = new ZipFile();
  for (const file of files) {
    const options = { mtime: file.modifiedAt, mode: file.mode };
    if (file.linkTo === undefined) zip.addFile(file.path, file.name, options);
    else zip.addBuffer(Buffer.from(file.linkTo), file.name, options);
  }
  zip.end();
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha256.update(chunk);
      md5.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(zip.outputStream, hashing, createWriteStream(archive, { mode: 0o600 }));
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}
