/**
 * What the managed policies of AWS allow. The names are AWS's; the contents are our own, written from the documented
 * purpose of each ("AWS Managed Policy Reference Guide"), so they may allow a little more or less than AWS's do. A
 * statement without an effect allows, and one without a resource is about all of them.
 */

export interface StatementJson {
  readonly Sid?: string;
  readonly Effect?: 'Allow' | 'Deny';
  readonly Action?: string | readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Services that somebody who may only look sees into. */
const READABLE_SERVICES = [
  'autoscaling',
  'cloudformation',
  'cloudtrail',
  'cloudwatch',
  'codebuild',
  'codecommit',
  'codeconnections',
  'codedeploy',
  'codepipeline',
  'codestar-connections',
  'codestar-notifications',
  'ec2',
  'ecr',
  'ecs',
  'elasticloadbalancing',
  'events',
  'iam',
  'lambda',
  'logs',
  's3',
  'sns',
  'sqs',
  'ssm',
];

const readEverything: StatementJson = {
  Action: [
    ...READABLE_SERVICES.flatMap((service) => [
      `${service}:BatchGet*`,
      `${service}:Describe*`,
      `${service}:Get*`,
      `${service}:List*`,
    ]),
    'codecommit:BatchDescribe*',
    'codecommit:EvaluatePullRequestApprovalRules',
    'codecommit:GitPull',
    'iam:GenerateCredentialReport',
    'iam:Simulate*',
    'kms:Describe*',
    'kms:GetKey*',
    'kms:GetPublicKey',
    'kms:List*',
    'logs:FilterLogEvents',
    'logs:StartLiveTail',
    'logs:StopLiveTail',
    'logs:StartQuery',
    'logs:StopQuery',
    'logs:TestMetricFilter',
    'secretsmanager:Describe*',
    'secretsmanager:List*',
    'sts:GetAccessKeyInfo',
    'sts:GetCallerIdentity',
    'tag:Get*',
  ],
};

const readSurroundings: readonly string[] = [
  'cloudwatch:GetMetricStatistics',
  'codestar-notifications:ListTargets',
  'events:DescribeRule',
  'events:ListTargetsByRule',
  'iam:GetRole',
  'iam:ListRoles',
  's3:GetBucketLocation',
  's3:GetBucketPolicy',
  's3:ListAllMyBuckets',
  's3:ListBucket',
  'sns:ListTopics',
];

const passRoleTo = (...services: readonly string[]): StatementJson => ({
  Action: 'iam:PassRole',
  Condition: { StringEquals: { 'iam:PassedToService': services } },
});

const CODECOMMIT_READ = [
  'codecommit:BatchDescribe*',
  'codecommit:BatchGet*',
  'codecommit:Describe*',
  'codecommit:EvaluatePullRequestApprovalRules',
  'codecommit:Get*',
  'codecommit:GitPull',
  'codecommit:List*',
];

/** Name (with its path), what it is for, what it allows. */
export const CATALOGUE: readonly (readonly [string, string, ...StatementJson[]])[] = [
  ['AdministratorAccess', 'Provides full access to AWS services and resources.', { Action: '*' }],
  [
    'PowerUserAccess',
    'Provides full access to AWS services and resources, but does not allow management of users and groups.',
    { NotAction: ['iam:*', 'organizations:*', 'account:*'] },
    {
      Action: [
        'iam:CreateServiceLinkedRole',
        'iam:DeleteServiceLinkedRole',
        'iam:ListRoles',
        'organizations:DescribeOrganization',
        'account:ListRegions',
      ],
    },
  ],
  ['ReadOnlyAccess', 'Provides read-only access to AWS services and resources.', readEverything],
  [
    'IAMReadOnlyAccess',
    'Provides read only access to IAM.',
    { Action: ['iam:GenerateCredentialReport', 'iam:Get*', 'iam:List*', 'iam:Simulate*'] },
  ],
  ['IAMFullAccess', 'Provides full access to IAM.', { Action: 'iam:*' }],
  [
    'AWSCodePipeline_FullAccess',
    'Provides full access to AWS CodePipeline.',
    {
      Action: [
        'codepipeline:*',
        'cloudformation:Describe*',
        'cloudformation:List*',
        'codebuild:BatchGetProjects',
        'codebuild:CreateProject',
        'codebuild:ListCuratedEnvironmentImages',
        'codebuild:ListProjects',
        'codecommit:GetReferences',
        'codecommit:ListBranches',
        'codecommit:ListRepositories',
        'codedeploy:GetDeploymentGroup',
        'codedeploy:List*',
        'ecr:DescribeRepositories',
        'ecr:ListImages',
        'ecs:ListClusters',
        'ecs:ListServices',
        'lambda:ListFunctions',
        ...readSurroundings,
      ],
    },
    {
      Action: ['s3:CreateBucket', 's3:GetObject', 's3:PutBucketPolicy'],
      Resource: ['arn:aws:s3:::codepipeline-*', 'arn:aws:s3:::codepipeline-*/*'],
    },
    {
      Action: [
        'events:DeleteRule',
        'events:DisableRule',
        'events:EnableRule',
        'events:PutRule',
        'events:PutTargets',
        'events:RemoveTargets',
      ],
      Resource: 'arn:aws:events:*:*:rule/codepipeline-*',
    },
    passRoleTo('codepipeline.amazonaws.com', 'codebuild.amazonaws.com', 'events.amazonaws.com'),
  ],
  [
    'AWSCodePipeline_ReadOnlyAccess',
    'Provides read only access to AWS CodePipeline.',
    {
      Action: [
        'codepipeline:GetPipeline',
        'codepipeline:GetPipelineExecution',
        'codepipeline:GetPipelineState',
        'codepipeline:List*',
        ...readSurroundings,
      ],
    },
  ],
  [
    'AWSCodePipelineApproverAccess',
    'Provides access to view and approve manual changes for all pipelines.',
    {
      Action: [
        'codepipeline:GetPipeline',
        'codepipeline:GetPipelineExecution',
        'codepipeline:GetPipelineState',
        'codepipeline:ListPipelineExecutions',
        'codepipeline:ListPipelines',
        'codepipeline:PutApprovalResult',
      ],
    },
  ],
  [
    'AWSCodeBuildAdminAccess',
    'Provides full access to AWS CodeBuild.',
    {
      Action: [
        'codebuild:*',
        'codecommit:GetBranch',
        'codecommit:GetCommit',
        'codecommit:GetRepository',
        'codecommit:ListBranches',
        'codecommit:ListRepositories',
        'ecr:DescribeRepositories',
        'ecr:ListImages',
        'logs:GetLogEvents',
        ...readSurroundings,
      ],
    },
    { Action: 'logs:DeleteLogGroup', Resource: 'arn:aws:logs:*:*:log-group:/aws/codebuild/*:log-stream:*' },
  ],
  [
    'AWSCodeBuildDeveloperAccess',
    'Provides access to AWS CodeBuild but does not allow CodeBuild project administration.',
    {
      Action: [
        'codebuild:BatchGet*',
        'codebuild:Describe*',
        'codebuild:Get*',
        'codebuild:List*',
        'codebuild:RetryBuild*',
        'codebuild:StartBuild*',
        'codebuild:StopBuild*',
        'logs:GetLogEvents',
        ...readSurroundings,
      ],
    },
  ],
  [
    'AWSCodeBuildReadOnlyAccess',
    'Provides read only access to AWS CodeBuild.',
    {
      Action: [
        'codebuild:BatchGet*',
        'codebuild:Describe*',
        'codebuild:GetResourcePolicy',
        'codebuild:List*',
        'logs:GetLogEvents',
        ...readSurroundings,
      ],
    },
  ],
  [
    'AWSCodeCommitFullAccess',
    'Provides full access to AWS CodeCommit.',
    { Action: ['codecommit:*', 'kms:DescribeKey', 'kms:ListAliases', ...readSurroundings] },
    {
      Action: [
        'iam:CreateServiceSpecificCredential',
        'iam:DeleteServiceSpecificCredential',
        'iam:ListServiceSpecificCredentials',
        'iam:ResetServiceSpecificCredential',
        'iam:UpdateServiceSpecificCredential',
      ],
      Resource: 'arn:aws:iam::*:user/${aws:username}',
    },
  ],
  [
    'AWSCodeCommitPowerUser',
    'Provides full access to AWS CodeCommit repositories, but does not allow repository deletion.',
    {
      Action: [
        ...CODECOMMIT_READ,
        'codecommit:AssociateApprovalRuleTemplateWithRepository',
        'codecommit:BatchAssociateApprovalRuleTemplateWithRepositories',
        'codecommit:BatchDisassociateApprovalRuleTemplateFromRepositories',
        'codecommit:Create*',
        'codecommit:DeleteBranch',
        'codecommit:DeleteFile',
        'codecommit:DisassociateApprovalRuleTemplateFromRepository',
        'codecommit:GitPush',
        'codecommit:Merge*',
        'codecommit:OverridePullRequestApprovalRules',
        'codecommit:Post*',
        'codecommit:Put*',
        'codecommit:TagResource',
        'codecommit:Test*',
        'codecommit:UntagResource',
        'codecommit:Update*',
        ...readSurroundings,
      ],
    },
  ],
  [
    'AWSCodeCommitReadOnly',
    'Provides read only access to AWS CodeCommit.',
    { Action: [...CODECOMMIT_READ, ...readSurroundings] },
  ],
  [
    'AWSCodeDeployFullAccess',
    'Provides full access to AWS CodeDeploy.',
    { Action: ['codedeploy:*', ...readSurroundings] },
  ],
  [
    'AWSCodeDeployDeployerAccess',
    'Provides access to register and deploy a revision.',
    {
      Action: [
        'codedeploy:Batch*',
        'codedeploy:CreateDeployment',
        'codedeploy:Get*',
        'codedeploy:List*',
        'codedeploy:RegisterApplicationRevision',
      ],
    },
  ],
  [
    'AWSCodeDeployReadOnlyAccess',
    'Provides read only access to AWS CodeDeploy.',
    { Action: ['codedeploy:Batch*', 'codedeploy:Get*', 'codedeploy:List*', ...readSurroundings] },
  ],
  [
    'service-role/AWSCodeDeployRole',
    'Provides CodeDeploy service access to expand tags and interact with Auto Scaling on your behalf.',
    {
      Action: [
        'autoscaling:*',
        'cloudwatch:DescribeAlarms',
        'cloudwatch:PutMetricAlarm',
        'ec2:DescribeInstances',
        'ec2:DescribeInstanceStatus',
        'ec2:TerminateInstances',
        'elasticloadbalancing:DeregisterInstancesFromLoadBalancer',
        'elasticloadbalancing:DeregisterTargets',
        'elasticloadbalancing:Describe*',
        'elasticloadbalancing:RegisterInstancesWithLoadBalancer',
        'elasticloadbalancing:RegisterTargets',
        'sns:Publish',
        'tag:GetResources',
      ],
    },
  ],
  [
    'service-role/AmazonEC2RoleforAWSCodeDeploy',
    'Provides EC2 access to S3 bucket to download revision. This role is needed by the CodeDeploy agent on EC2 instances.',
    { Action: ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'] },
  ],
  ['AmazonS3FullAccess', 'Provides full access to all buckets.', { Action: ['s3:*', 's3-object-lambda:*'] }],
  [
    'AmazonS3ReadOnlyAccess',
    'Provides read only access to all buckets.',
    { Action: ['s3:Describe*', 's3:Get*', 's3:List*', 's3-object-lambda:Get*', 's3-object-lambda:List*'] },
  ],
  ['CloudWatchLogsFullAccess', 'Provides full access to CloudWatch Logs.', { Action: 'logs:*' }],
  [
    'CloudWatchLogsReadOnlyAccess',
    'Provides read only access to CloudWatch Logs.',
    {
      Action: [
        'logs:Describe*',
        'logs:FilterLogEvents',
        'logs:Get*',
        'logs:List*',
        'logs:StartLiveTail',
        'logs:StartQuery',
        'logs:StopLiveTail',
        'logs:StopQuery',
        'logs:TestMetricFilter',
      ],
    },
  ],
  [
    'service-role/AWSLambdaBasicExecutionRole',
    'Provides write permissions to CloudWatch Logs.',
    { Action: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'] },
  ],
];
