/** The catalogue of source actions: where a change comes from. */

import type { ActionType } from './catalogue-type.ts';
import { aws, BOOLEAN, exactly, HOUR_MS, oneOf, optional, required } from './catalogue-type.ts';

const ARTIFACT_FORMAT = optional('OutputArtifactFormat', oneOf('CODE_ZIP', 'CODEBUILD_CLONE_REF'));
const POLLING = optional('PollForSourceChanges', BOOLEAN);

const SOURCE = { inputs: exactly(0), outputs: exactly(1), timeoutMs: HOUR_MS } as const;

export const SOURCE_TYPES: readonly ActionType[] = [
  {
    ...SOURCE,
    id: aws('Source', 'CodeCommit'),
    properties: [required('RepositoryName'), required('BranchName'), POLLING, ARTIFACT_FORMAT],
  },
  {
    ...SOURCE,
    id: aws('Source', 'S3'),
    properties: [
      required('S3Bucket'),
      required('S3ObjectKey'),
      POLLING,
      optional('AllowOverrideForS3ObjectKey', BOOLEAN),
    ],
  },
  {
    ...SOURCE,
    id: aws('Source', 'ECR'),
    properties: [required('RepositoryName'), optional('ImageTag')],
  },
  {
    ...SOURCE,
    id: aws('Source', 'CodeStarSourceConnection'),
    properties: [
      required('ConnectionArn'),
      required('FullRepositoryId'),
      required('BranchName'),
      ARTIFACT_FORMAT,
      optional('DetectChanges', BOOLEAN),
    ],
  },
  {
    ...SOURCE,
    id: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
    properties: [
      required('Owner'),
      required('Repo'),
      required('Branch'),
      required('OAuthToken', { secret: true }),
      POLLING,
    ],
    settings: {
      entityUrlTemplate: 'https://github.com/{Config:Owner}/{Config:Repo}/tree/{Config:Branch}',
      revisionUrlTemplate: 'https://github.com/{Config:Owner}/{Config:Repo}/commit/{RevisionId}',
    },
  },
];
