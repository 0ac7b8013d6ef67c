/** A lifecycle event whose work is scripts: finds the AppSpec file that counts, and runs its scripts one by one. */

import { chmod, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { AppSpec, Script } from '#core/appspec/app-spec.ts';
import { parseAppSpec } from '#core/appspec/parse.ts';
import type { EventLog } from './event-log.ts';
import { isMissing, readIfThere } from './files.ts';
import { deploymentAt, type Layout } from './layout.ts';
import { ERROR, EventFailure } from './outcome.ts';
import { runScript, type ScriptEnd } from './script.ts';
import type { Specification } from './specification.ts';

/** Their scripts come from what is installed now, since what is new has not arrived yet. */
const OF_THE_INSTALLED: readonly string[] = ['ApplicationStop', 'BeforeBlockTraffic', 'AfterBlockTraffic'];

export const HOOK_EVENTS: readonly string[] = [
  ...OF_THE_INSTALLED,
  'BeforeInstall',
  'AfterInstall',
  'ApplicationStart',
  'BeforeAllowTraffic',
  'AfterAllowTraffic',
  'ValidateService',
];

/** From the agent's own environment only this; its credentials are nobody's business. */
const PASSED_ON = ['HOME', 'LANG', 'LC_ALL', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER'];
const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface HookEvent {
  readonly name: string;
  readonly specification: Specification;
  /** Of the command; each script has a folder in it. */
  readonly directory: string;
  readonly log: EventLog;
}

/** The scripts of an event, with the archive that they lie in; none when nothing has been installed yet. */
export async function scriptsOf(
  layout: Layout,
  { name, specification }: Pick<HookEvent, 'name' | 'specification'>,
): Promise<{ readonly archive: string; readonly scripts: readonly Script[] } | undefined> {
  const current = layout.deployment(specification.groupId, specification.deploymentId).archive;
  if (!OF_THE_INSTALLED.includes(name) || (await isDirectory(current))) {
    const appSpec = await readAppSpec(current, specification.appSpecFilename);
    return { archive: current, scripts: appSpec.hooks[name] ?? [] };
  }
  const installed = (await readIfThere(layout.lastSuccessfulInstall(specification.groupId)))?.trim();
  if (!installed) return undefined;
  const { archive } = deploymentAt(installed);
  const appSpec = await readAppSpec(archive, specification.appSpecFilename);
  return { archive, scripts: appSpec.hooks[name] ?? [] };
}

/** The first script that fails ends the event. */
export async function runHooks(layout: Layout, event: HookEvent): Promise<void> {
  const found = await scriptsOf(layout, event);
  for (const [index, script] of (found?.scripts ?? []).entries()) {
    const path = await executable(found?.archive ?? '', script);
    const directory = join(event.directory, `script-${index}`);
    const output = await event.log.begin(script.location, directory);
    const order = {
      directory,
      command: commandOf(path, script),
      environment: environmentOf(event),
      timeoutSeconds: script.timeoutSeconds,
    };
    const end = await runScript(order, () => output.take(false));
    await output.take(true);
    judge(end, script, path);
  }
}

export async function readAppSpec(archive: string, filename: string): Promise<AppSpec> {
  const text =
    (await readIfThere(join(archive, filename))) ?? (await readIfThere(join(archive, 'appspec.yaml')));
  if (text === undefined) {
    throw new EventFailure(
      `The deployment failed because there is no AppSpec file ${filename} at the root of the bundle in ${archive}.`,
    );
  }
  const parsed = parseAppSpec(text);
  if ('faults' in parsed) {
    const [first] = parsed.faults;
    const place = first.line === undefined ? '' : ` (line ${first.line} of ${filename})`;
    throw new EventFailure(
      `The deployment failed because of a fault in the AppSpec file: ${first.message}${place}`,
    );
  }
  const platform = process.platform === 'win32' ? 'windows' : 'linux';
  if (parsed.appSpec.os === platform) return parsed.appSpec;
  throw new EventFailure(
    `The deployment failed because the AppSpec file is for ${parsed.appSpec.os} and this host runs ${platform}.`,
  );
}

async function executable(archive: string, script: Script): Promise<string> {
  const path = resolve(archive, script.location);
  const failed = (message: string, code: 1 | 2) => new EventFailure(message, code, script.location);
  if (!path.startsWith(archive + sep)) {
    throw failed(`The script ${script.location} lies outside of the bundle.`, ERROR.scriptMissing);
  }
  try {
    const { mode } = await stat(path);
    if ((mode & 0o111) === 0) await chmod(path, mode | 0o111);
    return path;
  } catch (error) {
    if (isMissing(error)) {
      throw failed(`The script ${script.location} does not exist at ${path}.`, ERROR.scriptMissing);
    }
    throw failed(
      `The script at ${path} is not executable and cannot be made so: ${String(error)}`,
      ERROR.scriptNotExecutable,
    );
  }
}

/** A user's script runs as that user by `su`, without a session of its own, so that a timeout reaches it. */
function commandOf(path: string, script: Script): readonly string[] {
  if (script.runAs === undefined) return [path];
  return ['su', script.runAs, '--session-command', `'${path.replaceAll("'", "'\\''")}'`];
}

function environmentOf({ name, specification }: HookEvent): NodeJS.ProcessEnv {
  const { revision } = specification;
  const passed = PASSED_ON.flatMap((variable) => {
    const value = process.env[variable];
    return value === undefined ? [] : [[variable, value] as const];
  });
  return {
    PATH: PATH_DEFAULT,
    ...Object.fromEntries(passed),
    LIFECYCLE_EVENT: name,
    DEPLOYMENT_ID: specification.deploymentId,
    APPLICATION_NAME: specification.applicationName,
    DEPLOYMENT_GROUP_NAME: specification.groupName,
    DEPLOYMENT_GROUP_ID: specification.groupId,
    BUNDLE_BUCKET: revision.bucket,
    BUNDLE_KEY: revision.key,
    ...(revision.version === undefined ? {} : { BUNDLE_VERSION: revision.version }),
    ...(revision.eTag === undefined ? {} : { BUNDLE_ETAG: revision.eTag }),
  };
}

function judge(end: ScriptEnd, script: Script, path: string): void {
  const user = script.runAs === undefined ? '' : ` run as user ${script.runAs}`;
  switch (end.type) {
    case 'exited':
      if (end.code === 0) return;
      throw new EventFailure(
        `Script at specified location: ${script.location}${user} failed with exit code ${end.code}`,
        ERROR.scriptFailed,
        script.location,
      );
    case 'timedOut':
      throw new EventFailure(
        `Script at specified location: ${script.location}${user} failed to complete in ${script.timeoutSeconds} seconds`,
        ERROR.scriptTimedOut,
        script.location,
      );
    case 'lost':
      throw new EventFailure(
        `The script ${path} was started and ended without an exit status, as when the host is restarted.`,
        ERROR.interrupted,
        script.location,
      );
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
