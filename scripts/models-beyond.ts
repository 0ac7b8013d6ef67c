/**
 * What `scripts/models.ts` adds to the public API models: which services we want, and the facts about the wire that
 * the services' documentation or behaviour show but their models do not say.
 */

export const SERVICES = [
  'cloudtrail',
  'cloudwatch',
  'codebuild',
  'codecommit',
  'codedeploy',
  'codedeploy-commands',
  'codepipeline',
  'codestar-notifications',
  'events',
  'iam',
  'kms',
  'logs',
  's3',
  'secretsmanager',
  'sns',
  'sqs',
  'ssm',
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
  /** Statuses of answers, by operation, that differ from the model. */
  readonly statuses?: Readonly<Record<string, number>>;
  /** Error codes that the model does not list, with their statuses. */
  readonly errors?: Readonly<Record<string, number>>;
  /** Codes that errors had in the service's older query protocol, which clients still show, by their shapes. */
  readonly queryCodes?: Readonly<Record<string, string>>;
  /** Root elements of XML answers, by output shape; `unwrapped`: the one member is the text of the root. */
  readonly roots?: Readonly<Record<string, { readonly root: string; readonly unwrapped?: true }>>;
  /** Shapes that are of another type in newer models, which the official clients follow. */
  readonly types?: Readonly<Record<string, string>>;
  /** Longest values, by shape, where the service takes more than its model says. */
  readonly maxima?: Readonly<Record<string, number>>;
  /** Sub-resources in queries that belong to operations newer than the model: never to be taken for older ones. */
  readonly foreignQueries?: readonly string[];
}

/** Amazon S3 API Reference: "Error responses" and the "Response Syntax" of each operation. */
const S3: Beyond = {
  constraintFault: 'InvalidArgument',
  xmlNamespace: 'http://s3.amazonaws.com/doc/2006-03-01/',
  statuses: { PutBucketPolicy: 204, PutBucketTagging: 204 },
  foreignQueries: ['annotation'],
  types: { Expires: 'timestamp', NextPartNumberMarker: 'string', PartNumberMarker: 'string' },
  roots: {
    CompleteMultipartUploadOutput: { root: 'CompleteMultipartUploadResult' },
    CreateMultipartUploadOutput: { root: 'InitiateMultipartUploadResult' },
    CreateSessionOutput: { root: 'CreateSessionResult' },
    DeleteObjectsOutput: { root: 'DeleteResult' },
    GetBucketAccelerateConfigurationOutput: { root: 'AccelerateConfiguration' },
    GetBucketAclOutput: { root: 'AccessControlPolicy' },
    GetBucketCorsOutput: { root: 'CORSConfiguration' },
    GetBucketLifecycleConfigurationOutput: { root: 'LifecycleConfiguration' },
    GetBucketLocationOutput: { root: 'LocationConstraint', unwrapped: true },
    GetBucketLoggingOutput: { root: 'BucketLoggingStatus' },
    GetBucketRequestPaymentOutput: { root: 'RequestPaymentConfiguration' },
    GetBucketTaggingOutput: { root: 'Tagging' },
    GetBucketVersioningOutput: { root: 'VersioningConfiguration' },
    GetBucketWebsiteOutput: { root: 'WebsiteConfiguration' },
    GetObjectAclOutput: { root: 'AccessControlPolicy' },
    GetObjectAttributesOutput: { root: 'GetObjectAttributesResponse' },
    GetObjectTaggingOutput: { root: 'Tagging' },
    ListBucketAnalyticsConfigurationsOutput: { root: 'ListBucketAnalyticsConfigurationResult' },
    ListBucketInventoryConfigurationsOutput: { root: 'ListInventoryConfigurationsResult' },
    ListBucketMetricsConfigurationsOutput: { root: 'ListMetricsConfigurationsResult' },
    ListBucketsOutput: { root: 'ListAllMyBucketsResult' },
    ListDirectoryBucketsOutput: { root: 'ListAllMyDirectoryBucketsResult' },
    ListMultipartUploadsOutput: { root: 'ListMultipartUploadsResult' },
    ListObjectVersionsOutput: { root: 'ListVersionsResult' },
    ListObjectsOutput: { root: 'ListBucketResult' },
    ListObjectsV2Output: { root: 'ListBucketResult' },
    ListPartsOutput: { root: 'ListPartsResult' },
  },
  errors: {
    AuthorizationHeaderMalformed: 400,
    AuthorizationQueryParametersError: 400,
    BadDigest: 400,
    BucketNotEmpty: 409,
    ConditionalRequestConflict: 409,
    EntityTooLarge: 400,
    EntityTooSmall: 400,
    IncompleteBody: 400,
    InvalidArgument: 400,
    InvalidBucketName: 400,
    InvalidBucketState: 409,
    InvalidDigest: 400,
    InvalidEncryptionAlgorithmError: 400,
    InvalidPart: 400,
    InvalidPartOrder: 400,
    InvalidRange: 416,
    InvalidStorageClass: 400,
    InvalidTag: 400,
    InvalidURI: 400,
    KeyTooLongError: 400,
    MalformedPolicy: 400,
    MalformedXML: 400,
    MetadataTooLarge: 400,
    MethodNotAllowed: 405,
    MissingContentLength: 411,
    MissingSecurityHeader: 400,
    NoSuchBucketPolicy: 404,
    NoSuchCORSConfiguration: 404,
    NoSuchLifecycleConfiguration: 404,
    NoSuchPublicAccessBlockConfiguration: 404,
    NoSuchTagSet: 404,
    NoSuchVersion: 404,
    NoSuchWebsiteConfiguration: 404,
    NotImplemented: 501,
    NotModified: 304,
    ObjectLockConfigurationNotFoundError: 404,
    OperationAborted: 409,
    OwnershipControlsNotFoundError: 404,
    PermanentRedirect: 301,
    PreconditionFailed: 412,
    ReplicationConfigurationNotFoundError: 404,
    RequestTimeTooSkewed: 403,
    ServerSideEncryptionConfigurationNotFoundError: 404,
    SignatureDoesNotMatch: 403,
    SlowDown: 503,
    XAmzContentSHA256Mismatch: 400,
  },
};

/** Amazon SQS API Reference: the errors of each action, and the "awsQueryError" traits of its public model. */
const SQS_QUERY_CODES: Readonly<Record<string, string>> = {
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  BatchRequestTooLong: 'AWS.SimpleQueueService.BatchRequestTooLong',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  InvalidBatchEntryId: 'AWS.SimpleQueueService.InvalidBatchEntryId',
  InvalidParameterValueException: 'InvalidParameterValue',
  MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
  MissingRequiredParameterException: 'MissingParameter',
  PurgeQueueInProgress: 'AWS.SimpleQueueService.PurgeQueueInProgress',
  QueueDeletedRecently: 'AWS.SimpleQueueService.QueueDeletedRecently',
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueNameExists: 'QueueAlreadyExists',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
};

export const BEYOND_THE_MODELS: Readonly<Record<string, Beyond>> = {
  // The official clients do not agree on the prefix.
  cloudtrail: { targetPrefixes: ['CloudTrail_20131101'] },
  cloudwatch: {
    errors: { ValidationException: 400 },
    queryCodes: { ValidationException: 'ValidationError' },
  },
  codebuild: { constraintFault: 'InvalidInputException' },
  codecommit: { memberFaults: true },
  codedeploy: { memberFaults: true },
  // The agent's `:enable_auth_policy: true` changes both names and nothing else.
  'codedeploy-commands': {
    constraintFault: 'ClientException',
    targetPrefixes: ['CodeDeployCommandService'],
    signingNames: ['codedeploy-commands-secure'],
  },
  // Reported by customers, whose templates hold buildspecs; with the quotas of AWS the room itself allows 1000.
  codepipeline: { maxima: { ActionConfigurationValue: 50_000 } },
  logs: { constraintFault: 'InvalidParameterException' },
  s3: S3,
  sqs: {
    constraintFault: 'InvalidParameterValueException',
    errors: { InvalidParameterValueException: 400, MissingRequiredParameterException: 400 },
    queryCodes: SQS_QUERY_CODES,
  },
  sns: { constraintFault: 'InvalidParameter', unsigned: ['ConfirmSubscription', 'Unsubscribe'] },
};

/**
 * Patterns that take exponential time on hostile values, or that JavaScript does not compile, and equal ones that are
 * harmless. `src/wire/validate.test.ts` tries all patterns of all tables on hostile values.
 */
export const REWRITTEN_PATTERNS: Readonly<Record<string, string>> = {
  '(?s).*': '[\\s\\S]*',
  '^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$': '^\\t*[\\x20-\\x7E][\\t\\x20-\\x7E]*$',
  '^[ \\t]*[^\\x00-\\x1F:\\x7F]+([ \\t]+[^\\x00-\\x1F:\\x7F]+)*[ \\t]*$':
    '^\\t*[^\\x00-\\x1F:\\x7F](?:\\t|[^\\x00-\\x1F:\\x7F])*$',
};
