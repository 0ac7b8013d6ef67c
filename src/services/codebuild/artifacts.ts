/** Artifacts: which of them somebody waits for, what is in them, and how they are put under the build's role. */

import { createReadStream, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactFacts, ArtifactsPlan, BuildPlan } from '#core/build/state.ts';
import type { ArtifactsSpec, Buildspec } from '#core/buildspec/buildspec.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import { collectFiles, type CollectedFile, type Collection } from './collect.ts';
import type { Answers } from './last-questions.ts';
import { pack } from './packing.ts';
import { hostPlace, sourcePlaces } from './places.ts';

/** A site of a thousand small files waits for the disk a hundred times, and not a thousand. */
const PUTS_AT_ONCE = 10;

/** Adds to `made` whatever is there, also when a later one fails. Faults of S3 come as they are. */
export async function putArtifacts(
  bench: Bench,
  spec: Buildspec,
  answers: Answers,
  made: ArtifactFacts[],
  say: (text: string) => void,
): Promise<void> {
  for (const [plan, block] of wanted(bench.plan, spec)) {
    const { files, lines } = collectBlock(bench, block, answers);
    for (const line of lines) say(line);
    made.push(await put(bench, plan, block, answers, files));
  }
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

/** Throws a `PhaseFailure` when nothing matches. */
export function collectBlock(bench: Bench, block: ArtifactsSpec, answers: Answers): Collection {
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
    for (let at = 0; at < files.length; at += PUTS_AT_ONCE) {
      await Promise.all(
        files.slice(at, at + PUTS_AT_ONCE).map((file) => {
          const name = key === '' ? file.name : `${key}/${file.name}`;
          return putObject(bench, plan, bucket, name, file.path, {});
        }),
      );
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
