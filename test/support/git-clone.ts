/** git in a clone, with a user name and password that never stand on a command line or in a file. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs git in `clone`, with nothing of the machine's own configuration; resolves to what it prints. */
export function gitIn(clone: string, home: string, credential: { userName: string; password: string }) {
  const helper = '!f() { echo "username=$STORY_USER"; echo "password=$STORY_PASSWORD"; }; f';
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    STORY_USER: credential.userName,
    STORY_PASSWORD: credential.password,
  };
  return async (...parameters: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      'git',
      ['-C', clone, '-c', `credential.helper=${helper}`, ...parameters],
      {
        env,
      },
    );
    return stdout;
  };
}
