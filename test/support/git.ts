/** The real `git` as a user's machine has it: its own home, no configuration of this machine, an author. */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestHouse } from './house.ts';

export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GitUser {
  readonly directory: string;
  /** Resolves for every exit code. */
  run(...args: readonly string[]): Promise<GitResult>;
  /** Output without the last line break; rejects on failure. */
  ok(...args: readonly string[]): Promise<string>;
  /** Writes a file and commits it; resolves to the commit's id. */
  commit(path: string, content: string): Promise<string>;
}

const RUN_MS_MAX = 60_000;

/** A working copy that pushes to `url`, which may hold user name and password. */
export async function createGitUser(
  house: Pick<TestHouse, 'directory' | 'environment'>,
  url: string,
  config: readonly string[] = [],
): Promise<GitUser> {
  const home = mkdtempSync(join(house.directory, 'git-user-'));
  const directory = join(home, 'work');
  mkdirSync(directory);
  const settings = ['[user]', 'name = Dana', 'email = dana@example.com', '[init]', 'defaultBranch = main'];
  writeFileSync(join(home, '.gitconfig'), [...settings, ...config].join('\n'));
  const run = (...args: readonly string[]): Promise<GitResult> =>
    new Promise((resolve) => {
      const environment = { ...house.environment, HOME: home, GIT_ASKPASS: '/bin/false' };
      const options = { cwd: directory, env: environment, timeout: RUN_MS_MAX, maxBuffer: 64 * 1024 * 1024 };
      execFile('git', [...args], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      });
    });
  const user: GitUser = {
    directory,
    run,
    async ok(...args) {
      const { code, stdout, stderr } = await run(...args);
      if (code !== 0) throw new Error(`git ${args.join(' ')} ended with ${code}: ${stderr}`);
      return stdout.trimEnd();
    },
    async commit(path, content) {
      mkdirSync(join(directory, path, '..'), { recursive: true });
      writeFileSync(join(directory, path), content);
      await user.ok('add', '--all');
      await user.ok('commit', '--quiet', '-m', `Write ${path}`);
      return await user.ok('rev-parse', 'HEAD');
    },
  };
  await user.ok('init', '--quiet');
  await user.ok('remote', 'add', 'origin', url);
  return user;
}
