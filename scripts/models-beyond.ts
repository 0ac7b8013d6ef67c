/**
 * What `scripts/models.ts` adds to the public API models: which services we want, and the facts about the wire that
 * the services' documentation or behaviour show but their models do not say.
 */

export const SERVICES = [
  'cloudtrail',
  'codebuild',
  'codecommit',
  'codedeploy',
  'codedeploy-commands',
  'codepipeline',
  'events',
  'iam',
  'kms',
  'logs',
  's3',
  'sns',
  'sts',
] as const;

export interface Beyond {
  /** The code under which violated constraints are answered, where it is not the protocol's own. */
  readonly constraintFault?: string;
  /** Constraints on a member `x` are answered as `XRequiredException` and `InvalidXException` where the operation lists them. */
  readonly memberFaults?: true;
  /** Operations that need no signature, besides those that the model says. */
  readonly unsigned?: readonly string[];
  readonly targetPrefixes?: readonly string[];
  readonly signingNames?: readonly string[];
  readonly xmlNamespace?: string;
}

export const BEYOND_THE_MODELS: Readonly<Record<string, Beyond>> = {
  codebuild: { constraintFault: 'InvalidInputException' },
  codecommit: { memberFaults: true },
  codedeploy: { memberFaults: true },
  // The agent's `:enable_auth_policy: true` changes both names and nothing else.
  'codedeploy-commands': {
    constraintFault: 'ClientException',
    targetPrefixes: ['CodeDeployCommandService'],
    signingNames: ['codedeploy-commands-secure'],
  },
  logs: { constraintFault: 'InvalidParameterException' },
  s3: { constraintFault: 'InvalidArgument', xmlNamespace: 'http://s3.amazonaws.com/doc/2006-03-01/' },
  sns: { constraintFault: 'InvalidParameter', unsigned: ['ConfirmSubscription', 'Unsubscribe'] },
};

/** Statuses of answers that differ from the model (Amazon S3 API Reference, "Response Syntax" of each operation). */
export const STATUSES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  s3: {
    AbortMultipartUpload: 204,
    DeleteBucket: 204,
    DeleteBucketAnalyticsConfiguration: 204,
    DeleteBucketCors: 204,
    DeleteBucketEncryption: 204,
    DeleteBucketIntelligentTieringConfiguration: 204,
    DeleteBucketInventoryConfiguration: 204,
    DeleteBucketLifecycle: 204,
    DeleteBucketMetricsConfiguration: 204,
    DeleteBucketOwnershipControls: 204,
    DeleteBucketPolicy: 204,
    DeleteBucketReplication: 204,
    DeleteBucketTagging: 204,
    DeleteBucketWebsite: 204,
    DeleteObject: 204,
    DeleteObjectTagging: 204,
    DeletePublicAccessBlock: 204,
    PutBucketPolicy: 204,
    PutBucketTagging: 204,
  },
};
