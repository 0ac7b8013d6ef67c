/**
 * The DOWNLOAD_SOURCE phase: sources come into the workspace, the buildspec is found and read, the environment is
 * written. Repositories are cloned inside the sandbox with a password made from the build's own role; objects are
 * fetched by the server under that role.
 */

import { createWriteStream, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isFault } from '#base/fault.ts';
import type { BuildFacts } from '#core/build/state.ts';
import type { Buildspec, CommandPhase } from '#core/buildspec/buildspec.ts';
import { BUILDSPEC_LENGTH_MAX } from '#core/buildspec/node.ts';
import { parseBatchspec, parseBuildspec } from '#core/buildspec/parse.ts';
import { ZipRefused } from '#store/zip-entries.ts';
import { readCloneReference } from './clone-reference.ts';
import { cloneReferred, cloneRepository, type Refuse } from './git-sources.ts';
import { keep, PhaseFailure, type Bench } from './bench.ts';
import { statusProblem } from './commit-status.ts';
import { restoreCache } from './caches.ts';
import { fetchCertificate } from './certificate.ts';
import { COMMANDS_FOLDER, writeCommands } from './commands-on-path.ts';
import { createEnvironment } from './environment.ts';
import { copyLocalFolder } from './local-folders.ts';
import { beneath, makeFolder, sourcePlaces, type SourcePlace } from './places.ts';
import { selectRuntimes } from './runtime-versions.ts';
import { isInlineBuildspec } from './settings.ts';
import { ASKPASS_SCRIPT } from './git-shell.ts';
import { environmentScript, KEPT_FOLDER, stateScript } from './shell.ts';
import { unzip } from './unzip.ts';

const SOURCE_BYTES_MAX = 10 * 1024 ** 3;
const FOLDER_OBJECTS_MAX = 10_000;

export async function downloadSource(bench: Bench): Promise<BuildFacts> {
  const { plan } = bench;
  const { places, resolved } = await fetchSources(bench);
  const [primary] = places;
  const text = await readBuildspec(bench, primary as SourcePlace);
  const parsed = plan.batch?.isRoot ? parseBatchspec(text) : parseBuildspec(text);
  if ('error' in parsed) throw new PhaseFailure('YAML_FILE_ERROR', parsed.error);
  const { buildspec: spec } = parsed;
  const unreported = plan.source.reportBuildStatus && statusProblem(bench.room.statusApis, plan.source);
  if (unreported) bench.say(`The status of this build is not told to the provider: ${unreported}`);
  for (const warning of spec.warnings) bench.say(`Warning: ${warning}`);
  bench.say('Processing environment variables');
  const variables = await createEnvironment(bench, spec, places, resolved);
  writeScripts(bench, spec, variables, await selectRuntimes(bench, spec, variables));
  keep(bench.directory, 'spec', spec);
  await restoreCache(bench, spec);
  sayPhases(bench, spec, primary as SourcePlace);
  return {
    ...(resolved === undefined ? {} : { resolvedSourceVersion: resolved }),
    commandPhases: commandPhases(spec),
    onFailure: failureRules(spec),
    ...(spec.environment.gitCredentialHelper ? { gitCredentialHelper: true } : {}),
    ...(parsed.batch ? { batch: parsed.batch } : {}),
  };
}

/** Brings all sources into the workspace; also resolves to the commit or revision of the primary one. */
export async function fetchSources(
  bench: Bench,
): Promise<{ readonly places: readonly SourcePlace[]; readonly resolved: string | undefined }> {
  const { plan, sandbox } = bench;
  const places = sourcePlaces(plan, sandbox.workspace, bench.room.house.region);
  bench.say('Phase is DOWNLOAD_SOURCE');
  makeFolder(sandbox.workspaceDirectory, KEPT_FOLDER, sandbox.owner);
  writeFileSync(join(sandbox.readonlyDirectory, 'askpass.sh'), ASKPASS_SCRIPT, { mode: 0o755 });
  await fetchCertificate(bench);
  let resolved: string | undefined;
  for (const [i, place] of places.entries()) {
    const version = i === 0 ? plan.sourceVersion : place.source.version;
    const commit = await fetchSource(bench, place, version, i === 0 ? 'primary' : 'secondary');
    if (i === 0) resolved = commit;
  }
  bench.say(`CODEBUILD_SRC_DIR=${places[0]?.path ?? ''}`);
  return { places, resolved };
}

/** Resolves to the commit of a repository, or to the revision that the pipeline named. */
async function fetchSource(
  bench: Bench,
  place: SourcePlace,
  version: string | undefined,
  which: 'primary' | 'secondary',
): Promise<string | undefined> {
  const { sandbox } = bench;
  const refuse = (cause: string) =>
    new PhaseFailure(
      'CLIENT_ERROR',
      `${cause} for ${which} source${version === undefined ? '' : ` and source version ${version}`}`,
    );
  const folder = () => makeFolder(sandbox.workspaceDirectory, place.inWorkspace, sandbox.owner);
  switch (place.source.type) {
    case 'NO_SOURCE':
      folder();
      return undefined;
    case 'CODECOMMIT':
    case 'GITHUB':
    case 'GITHUB_ENTERPRISE':
    case 'GITLAB':
    case 'GITLAB_SELF_MANAGED':
    case 'BITBUCKET':
      return cloneRepository(bench, place, version, refuse);
    case 'S3': {
      const local = bench.room.folders.get(place.source.location ?? '');
      if (local) {
        await copyLocalFolder(local, folder(), sandbox.owner, bench.signal, refuse);
        return local.commit;
      }
      await fetchObjects(bench, place, version, folder(), refuse);
      return undefined;
    }
    case 'CODEPIPELINE':
      await fetchObjects(bench, place, undefined, folder(), refuse);
      return version;
    default:
      throw refuse(`source type ${place.source.type} is not supported yet`);
  }
}

/** `bucket/key` is a ZIP to unpack, `bucket/prefix/` a folder to copy. */
async function fetchObjects(
  bench: Bench,
  place: SourcePlace,
  version: string | undefined,
  folder: string,
  refuse: Refuse,
): Promise<void> {
  const location = (place.source.location ?? '').replace(/^arn:[^:]+:s3:::/, '');
  const slash = location.indexOf('/');
  const [bucket, key] = [location.slice(0, slash), location.slice(slash + 1)];
  if (slash <= 0 || key === '') throw refuse(`the location ${location} is not of the form bucket/key`);
  try {
    if (key.endsWith('/')) await copyFolder(bench, bucket, key, folder);
    else {
      const archive = join(bench.directory, 'source.zip');
      await download(bench, bucket, key, version, archive);
      const reference = bench.plan.source.type === 'CODEPIPELINE' ? readCloneReference(archive) : undefined;
      if (reference) await cloneReferred(bench, place, reference, refuse);
      else await unzip(archive, folder, SOURCE_BYTES_MAX, bench.sandbox.owner);
      rmSync(archive);
    }
  } catch (error) {
    if (isFault(error)) throw refuse(`${error.code}: ${error.message}`);
    if (error instanceof ZipRefused) throw refuse(error.message);
    throw error;
  }
}

async function download(
  bench: Bench,
  bucket: string,
  key: string,
  version: string | undefined,
  path: string,
): Promise<void> {
  const role = await bench.role();
  const { Body } = await role.send('s3:GetObject', {
    Bucket: bucket,
    Key: key,
    ...(version === undefined ? {} : { VersionId: version }),
  });
  if (Body === undefined) throw new Error(`s3:GetObject of ${bucket}/${key} gave no body`);
  if (Body instanceof Uint8Array) writeFileSync(path, Body);
  else await pipeline(Body as Readable, createWriteStream(path, { mode: 0o644 }), { signal: bench.signal });
}

async function copyFolder(bench: Bench, bucket: string, prefix: string, folder: string): Promise<void> {
  const role = await bench.role();
  let count = 0;
  let token: string | undefined;
  do {
    const page = await role.send('s3:ListObjectsV2', {
      Bucket: bucket,
      Prefix: prefix,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    });
    for (const { Key = '' } of page.Contents ?? []) {
      const name = Key.slice(prefix.length);
      if (name === '' || name.endsWith('/')) continue;
      if (name.split('/').some((part) => part === '..' || part === '.')) continue;
      if (++count > FOLDER_OBJECTS_MAX)
        throw new ZipRefused(`the folder has more than ${FOLDER_OBJECTS_MAX} objects`);
      makeFolder(folder, name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '', bench.sandbox.owner);
      await download(bench, bucket, Key, undefined, join(folder, name));
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

async function readBuildspec(bench: Bench, primary: SourcePlace): Promise<string> {
  const { sandbox } = bench;
  const given = primary.source.buildspec;
  let text: string;
  if (given?.startsWith('arn:')) {
    const [, bucket = '', key = ''] = /^arn:[^:]+:s3:::([^/]+)\/(.+)$/.exec(given) ?? [];
    const path = join(bench.directory, 'buildspec.yml');
    try {
      await download(bench, bucket, key, undefined, path);
    } catch (error) {
      if (!isFault(error)) throw error;
      throw new PhaseFailure('YAML_FILE_ERROR', `${error.code}: ${error.message}`);
    }
    text = readFileSync(path, 'utf8');
  } else if (isInlineBuildspec(given)) {
    text = given ?? '';
    writeFileSync(join(sandbox.readonlyDirectory, 'buildspec.yml'), text, { mode: 0o644 });
    bench.say(`YAML location is ${sandbox.workspace}/readonly/buildspec.yml`);
  } else {
    const name = given || 'buildspec.yml';
    bench.say(`YAML location is ${primary.path}/${name}`);
    const path = beneath(join(sandbox.workspaceDirectory, primary.inWorkspace), name);
    if (!path || !statSync(path).isFile())
      throw new PhaseFailure('YAML_FILE_ERROR', 'YAML file does not exist');
    if (statSync(path).size > BUILDSPEC_LENGTH_MAX) {
      throw new PhaseFailure('YAML_FILE_ERROR', `the file is larger than ${BUILDSPEC_LENGTH_MAX} bytes`);
    }
    text = readFileSync(path, 'utf8');
  }
  return text;
}

/** What every command reads first, and the commands of CodeBuild's own. */
export function writeScripts(
  bench: Bench,
  spec: Pick<Buildspec, 'version'>,
  variables: ReadonlyMap<string, string>,
  runtimes = '',
): void {
  const { readonlyDirectory, workspace } = bench.sandbox;
  writeCommands(readonlyDirectory);
  const path = variables.has('PATH') ? '' : `export PATH="$PATH:${workspace}/${COMMANDS_FOLDER}"\n`;
  const environment = environmentScript(variables) + path + runtimes;
  writeFileSync(join(readonlyDirectory, 'environment.sh'), environment, { mode: 0o644 });
  writeFileSync(join(readonlyDirectory, 'state.sh'), stateScript(workspace, spec.version), { mode: 0o644 });
}

function commandPhases(spec: Buildspec): CommandPhase[] {
  const names: readonly CommandPhase[] = ['INSTALL', 'PRE_BUILD', 'BUILD', 'POST_BUILD'];
  return names.filter((name) => {
    const phase = spec.phases[name];
    return phase !== undefined && phase.commands.length + phase.finally.length > 0;
  });
}

function failureRules(spec: Buildspec): NonNullable<BuildFacts['onFailure']> {
  const rules: Partial<Record<CommandPhase, 'ABORT' | 'CONTINUE'>> = {};
  for (const [name, phase] of Object.entries(spec.phases)) {
    const type = phase.onFailure?.type;
    if (type === 'ABORT' || type === 'CONTINUE') rules[name as CommandPhase] = type;
  }
  return rules;
}

function sayPhases(bench: Bench, spec: Buildspec, primary: SourcePlace): void {
  bench.say(`Moving to directory ${primary.path}`);
  bench.say(`Phases found in YAML: ${Object.keys(spec.phases).length}`);
  for (const [name, phase] of Object.entries(spec.phases)) {
    bench.say(` ${name}: ${phase.commands.length} commands`);
  }
}
