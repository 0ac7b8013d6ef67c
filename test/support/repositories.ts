/** Repositories of the house with the projects of `test/support/projects` in them, pushed by git as anybody would. */

import { cpSync, mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { IAM } from '@aws-sdk/client-iam';
import { gitIn } from './git-clone.ts';
import type { TestHouse } from './house.ts';

const PROJECTS = resolve(import.meta.dirname, 'projects');
const AUTHOR = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];

export interface PushedRepository {
  readonly url: string;
  readonly commit: string;
}

export interface Pusher {
  /** A new repository `name` that holds the project. */
  push(project: string, name?: string): Promise<PushedRepository>;
}

export async function createPusher(house: TestHouse): Promise<Pusher> {
  const connection = {
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
  };
  const iam = new IAM(connection);
  const codecommit = new CodeCommit(connection);
  await iam.createUser({ UserName: 'pusher' });
  await iam.putUserPolicy({
    UserName: 'pusher',
    PolicyName: 'git',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['codecommit:GitPull', 'codecommit:GitPush'], Resource: '*' }],
    }),
  });
  const { ServiceSpecificCredential: credential } = await iam.createServiceSpecificCredential({
    UserName: 'pusher',
    ServiceName: 'codecommit.amazonaws.com',
  });
  return {
    async push(project, name = project) {
      const { repositoryMetadata } = await codecommit.createRepository({ repositoryName: name });
      const url = repositoryMetadata?.cloneUrlHttp ?? '';
      const clone = mkdtempSync(join(house.directory, 'clone-'));
      cpSync(join(PROJECTS, project), clone, { recursive: true });
      const git = gitIn(clone, house.directory, {
        userName: credential?.ServiceUserName ?? '',
        password: credential?.ServicePassword ?? '',
      });
      await git('init', '--quiet', '--initial-branch=main');
      await git('add', '.');
      await git(...AUTHOR, 'commit', '--quiet', '--message', project);
      await git('push', '--quiet', url, 'main');
      return { url, commit: (await git('rev-parse', 'HEAD')).trim() };
    },
  };
}
