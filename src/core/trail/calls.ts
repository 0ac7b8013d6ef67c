/**
 * What kind of call an operation is in CloudTrail's eyes: its name and source there, whether it only reads, and whether
 * it handles the account's resources (management) or what is in them (data). Pure; the operations are known by name.
 */

export interface CallKind {
  /** `codepipeline.amazonaws.com` */
  readonly source: string;
  readonly name: string;
  readonly readOnly: boolean;
  readonly category: 'Management' | 'Data';
  /** A read that gives power to the caller, such as credentials: as much to be proven as a change. */
  readonly grants: boolean;
}

/** See "Amazon S3 object-level actions that are tracked by CloudTrail logging" in the S3 user guide. */
const S3_DATA = new Set([
  ...['AbortMultipartUpload', 'CompleteMultipartUpload', 'CopyObject', 'CreateMultipartUpload'],
  ...['DeleteObject', 'DeleteObjects', 'DeleteObjectTagging', 'GetObject', 'GetObjectAcl'],
  ...[
    'GetObjectAttributes',
    'GetObjectLegalHold',
    'GetObjectRetention',
    'GetObjectTagging',
    'GetObjectTorrent',
  ],
  ...[
    'HeadBucket',
    'HeadObject',
    'ListMultipartUploads',
    'ListObjects',
    'ListObjectsV2',
    'ListObjectVersions',
  ],
  ...[
    'ListParts',
    'PutObject',
    'PutObjectAcl',
    'PutObjectLegalHold',
    'PutObjectRetention',
    'PutObjectTagging',
  ],
  ...['RestoreObject', 'SelectObjectContent', 'UploadPart', 'UploadPartCopy'],
]);

/** Operations on contents, by service; `*` for all of a service. */
const DATA: Readonly<Record<string, ReadonlySet<string>>> = {
  s3: S3_DATA,
  // What agents on hosts and writers of logs say all the time.
  'codedeploy-commands': new Set(['*']),
  logs: new Set(['PutLogEvents', 'GetLogEvents', 'FilterLogEvents', 'StartLiveTail']),
  events: new Set(['PutEvents', 'PutPartnerEvents']),
  sns: new Set(['Publish', 'PublishBatch']),
  sqs: new Set([
    ...['SendMessage', 'SendMessageBatch', 'ReceiveMessage', 'DeleteMessage', 'DeleteMessageBatch'],
    ...['ChangeMessageVisibility', 'ChangeMessageVisibilityBatch'],
  ]),
  lambda: new Set(['Invoke', 'InvokeAsync', 'InvokeWithResponseStream']),
  cloudwatch: new Set(['PutMetricData', 'GetMetricData', 'GetMetricStatistics']),
};

const READS =
  /^(?:Get|List|Describe|Head|BatchGet|Lookup|Search|Poll|Preview|Simulate|Test|Evaluate|Validate)/;

/** Reads whose names do not say so. See "readOnly" in the record contents; KMS and STS as their guides show them. */
const READ_ONLY: Readonly<Record<string, ReadonlySet<string>>> = {
  kms: new Set([
    ...['Decrypt', 'Encrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'],
    ...['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext', 'GenerateMac', 'GenerateRandom'],
    ...['VerifyMac', 'Sign', 'Verify', 'DeriveSharedSecret'],
  ]),
  sts: new Set([
    ...['AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot'],
    'DecodeAuthorizationMessage',
  ]),
  s3: new Set(['SelectObjectContent']),
};

const GRANTS = /^(?:Assume|GetSessionToken|GetFederationToken)/;
/** Reads by name that change something: what they generate is stored. */
const NOT_READ_ONLY = new Set(['iam:GenerateCredentialReport', 's3:GetObjectTorrent']);

/** Names that CloudTrail keeps although the API has others by now. */
const NAMES: Readonly<Record<string, string>> = {
  's3:PutPublicAccessBlock': 'PutBucketPublicAccessBlock',
  's3:GetPublicAccessBlock': 'GetBucketPublicAccessBlock',
  's3:DeletePublicAccessBlock': 'DeleteBucketPublicAccessBlock',
  's3:PutBucketLifecycleConfiguration': 'PutBucketLifecycle',
  's3:GetBucketLifecycleConfiguration': 'GetBucketLifecycle',
  's3:ListObjectsV2': 'ListObjects',
};

/** Services whose name in IAM is not their name in CloudTrail. */
const SOURCES: Readonly<Record<string, string>> = {
  cloudwatch: 'monitoring.amazonaws.com',
  'codedeploy-commands': 'codedeploy.amazonaws.com',
};

const known = new Map<string, CallKind>();
/** Operations come from tables; names that nobody knows are not remembered. */
const KNOWN_MAX = 5_000;

export function kindOf(service: string, operation: string): CallKind {
  const id = `${service}:${operation}`;
  const found = known.get(id);
  if (found) return found;
  const isData = DATA[service]?.has(operation) === true || DATA[service]?.has('*') === true;
  const readOnly =
    (READS.test(operation) && !NOT_READ_ONLY.has(id)) || READ_ONLY[service]?.has(operation) === true;
  const kind: CallKind = {
    source: SOURCES[service] ?? `${service}.amazonaws.com`,
    name: NAMES[id] ?? operation,
    readOnly,
    category: isData ? 'Data' : 'Management',
    grants: service === 'sts' && GRANTS.test(operation),
  };
  if (known.size < KNOWN_MAX) known.set(id, kind);
  return kind;
}
