/**
 * The UPLOAD_ARTIFACTS phase. First the shell is asked what only it knows (exported variables, evaluated names); then
 * the sandbox is ended, so that nothing moves while files are collected; then each artifact is packed and put under
 * the build's role.
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { isFault } from '#base/fault.ts';
import type { ArtifactFacts, ArtifactsPlan, BuildFacts, BuildPlan } from '#core/build/state.ts';
import type { ArtifactsSpec, Buildspec } from '#core/buildspec/buildspec.ts';
import { keep, PhaseFailure, recall, type Bench } from './bench.ts';
import { packCache, saveCache, type PackedCache } from './caches.ts';
import { collectFiles, type CollectedFile, type Collection } from './collect.ts';
import { hostPlace, sourcePlaces } from './places.ts';
import { expansionQuestion, variablesQuestion } from './shell.ts';

const EXPORTED_VALUE_LENGTH_MAX = 4096;

/** What the shell was asked before the sandbox ended. */
interface Answers {
  readonly exportedVariables: readonly { readonly name: string; readonly value: string }[];
  /** Text of the buildspec → the text as the shell expands it. */
  readonly expanded: Readonly<Record<string, string>>;
  readonly cache?: PackedCache;
}

/** `end` ends the sandbox; `say` adds lines to the log after that. */
export async function uploadArtifacts(
  bench: Bench,
  spec: Buildspec,
  isSucceeding: boolean,
  end: () => Promise<void>,
  say: (text: string) => void,
): Promise<BuildFacts> {
  const answers = recall<Answers>(bench.directory, 'answers') ?? (await askShell(bench, spec, isSucceeding));
  keep(bench.directory, 'answers', answers);
  await end();
  const artifacts: ArtifactFacts[] = [];
  try {
    for (const [plan, block] of wanted(bench.plan, spec)) {
      const { files, lines } = collect(bench, block, answers);
      for (const line of lines) say(line);
      artifacts.push(await put(bench, plan, block, answers, files));
    }
  } catch (error) {
    const facts = { ...exported(answers), artifacts };
    if (error instanceof PhaseFailure) {
      throw new PhaseFailure(error.context.statusCode, error.context.message, { facts });
    }
    if (isFault(error)) {
      const message = `Failed to upload artifacts: ${error.code}: ${error.message}`;
      throw new PhaseFailure('CLIENT_ERROR', message, { facts });
    }
    throw error;
  }
  if (answers.cache) await saveCache(bench, answers.cache, say);
  return { ...exported(answers), artifacts };
}

function exported(answers: Answers): BuildFacts {
  return { exportedVariables: answers.exportedVariables };
}

async function askShell(bench: Bench, spec: Buildspec, isSucceeding: boolean): Promise<Answers> {
  const { workspace } = bench.sandbox;
  const isSecret = (name: string) =>
    bench.plan.environment.variables.some((each) => each.name === name && each.type !== 'PLAINTEXT');
  const names = spec.environment.exportedVariables.filter(
    (name) => /^[A-Za-z_]\w*$/.test(name) && !name.startsWith('AWS_') && !isSecret(name),
  );
  const exportedVariables: { name: string; value: string }[] = [];
  if (names.length > 0) {
    const { answer } = await bench.ask(variablesQuestion(workspace, names), spec.shell);
    for (const word of answer.split(' ').filter(Boolean)) {
      const mark = word.indexOf('=');
      const value = Buffer.from(word.slice(mark + 1), 'base64').toString();
      exportedVariables.push({ name: word.slice(0, mark), value: value.slice(0, EXPORTED_VALUE_LENGTH_MAX) });
    }
  }
  const texts = [spec.artifacts, ...Object.values(spec.secondaryArtifacts)]
    .flatMap((block) => [block?.name, block?.baseDirectory])
    .filter((text): text is string => text !== undefined && /[$`]/.test(text));
  const expanded: Record<string, string> = {};
  if (texts.length > 0) {
    const { answer } = await bench.ask(expansionQuestion(workspace, texts), spec.shell);
    answer.split(' ').forEach((word, i) => {
      const text = texts[i];
      if (text !== undefined) expanded[text] = Buffer.from(word, 'base64').toString().replace(/\n$/, '');
    });
  }
  const cache = isSucceeding ? await packCache(bench, spec) : undefined;
  await bench.flush();
  return { exportedVariables, expanded, ...(cache ? { cache } : {}) };
}

/** The outputs that somebody waits for, each with its block of the buildspec. */
function wanted(plan: BuildPlan, spec: Buildspec): [ArtifactsPlan, ArtifactsSpec][] {
  const outputs: [ArtifactsPlan, ArtifactsSpec][] = [];
  if (plan.artifacts.type === 'S3') {
    if (spec.artifacts) outputs.push([plan.artifacts, spec.artifacts]);
    // In a pipeline such a build succeeds and leaves nothing; whoever needs its output fails.
    else if (plan.source.type !== 'CODEPIPELINE') {
      throw new PhaseFailure('CLIENT_ERROR', 'no matching artifact paths found');
    }
  }
  for (const secondary of plan.secondaryArtifacts) {
    const block = spec.secondaryArtifacts[secondary.identifier ?? ''];
    if (!block) {
      throw new PhaseFailure('CLIENT_ERROR', `no definition for secondary artifact ${secondary.identifier}`);
    }
    outputs.push([secondary, block]);
  }
  return outputs;
}

function collect(bench: Bench, block: ArtifactsSpec, answers: Answers): Collection {
  const { sandbox } = bench;
  const [primary] = sourcePlaces(bench.plan, sandbox.workspace, bench.room.house.region);
  const source = join(sandbox.workspaceDirectory, primary?.inWorkspace ?? '');
  const text = block.baseDirectory ?? '.';
  const base = answers.expanded[text] ?? text;
  const asSeen = base.startsWith('/') ? base : `${primary?.path ?? ''}/${base}`;
  const host = hostPlace(sandbox, bench.directory, asSeen) ?? {
    path: join(source, 'nothing'),
    limit: source,
  };
  return collectFiles(block, source, host.path, host.limit);
}

async function put(
  bench: Bench,
  plan: ArtifactsPlan,
  block: ArtifactsSpec,
  answers: Answers,
  files: readonly CollectedFile[],
): Promise<ArtifactFacts> {
  const bucket = (plan.location ?? '').replace(/^arn:[^:]+:s3:::/, '');
  const name =
    plan.overrideName && block.name ? (answers.expanded[block.name] ?? block.name) : (plan.name ?? '');
  const key = [block.s3Prefix, plan.path, plan.namespaceType === 'BUILD_ID' ? bench.plan.uuid : '', name]
    .map((part) => (part ?? '').replace(/^\/+|\/+$/g, ''))
    .filter(Boolean)
    .join('/');
  const facts = {
    ...(plan.identifier === undefined ? {} : { identifier: plan.identifier }),
    location: `arn:aws:s3:::${bucket}/${key}`,
  };
  if (plan.packaging !== 'ZIP') {
    for (const file of files) {
      const name = key === '' ? file.name : `${key}/${file.name}`;
      await putObject(bench, plan, bucket, name, file.path, {});
    }
    return facts;
  }
  const archive = join(bench.directory, 'artifact.zip');
  const { sha256, md5 } = await pack(files, archive);
  await putObject(bench, plan, bucket, key, archive, {
    'codebuild-content-sha256': sha256,
    'codebuild-content-md5': md5,
  });
  rmSync(archive);
  return { ...facts, sha256, md5 };
}

async function putObject(
  bench: Bench,
  { encryptionDisabled }: ArtifactsPlan,
  bucket: string,
  key: string,
  path: string,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const role = await bench.role();
  await role.send('s3:PutObject', {
    Bucket: bucket,
    Key: key,
    Body: createReadStream(path),
    ContentLength: statSync(path).size,
    Metadata: { 'codebuild-buildarn': bench.plan.arn, ...metadata },
    ...(encryptionDisabled === true
      ? {}
      : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: bench.plan.encryptionKey }),
  });
}

/** The same files give the same archive. */
async function pack(
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
