/**
 * What services of the house may do in their own account without anybody's policy, as AWS's service-linked roles
 * allow it there. Kept as small as it can be: what a customer's role can do is done under that role instead.
 */

import type { PolicySubject } from '#core/policy/principal.ts';

/** Actions by service principal. An explicit deny in a resource policy still wins. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  // To tell a bucket that is not there from one that does not let a trail in.
  'cloudtrail.amazonaws.com': ['s3:GetBucketLocation'],
  // To find a repository's bytes by its name; whether they may be read is asked of the pipeline's role. To find out
  // who wrote a commit that a trigger waits for, and what its message says. To run commands in builds that belong to
  // no project; what they may do is up to the pipeline's role.
  'codepipeline.amazonaws.com': [
    'codecommit:GetRepository',
    'codecommit:GetCommit',
    'codebuild:StartBuild',
    'codebuild:BatchGetBuilds',
  ],
  // Why an action failed and what an approval asks, for the messages of notification rules.
  'codestar-notifications.amazonaws.com': ['codepipeline:ListActionExecutions'],
  // The output of hooks, which hosts send to CodeDeploy and cannot write themselves.
  'codedeploy.amazonaws.com': ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
  // What metric filters count.
  'logs.amazonaws.com': ['cloudwatch:PutMetricData'],
  // Who the role is that somebody may assume, whether a session policy exists, and whose tokens count.
  'sts.amazonaws.com': ['iam:GetRole', 'iam:GetPolicy', 'iam:GetOpenIDConnectProvider'],
};

export function isServiceLinked(principal: PolicySubject, action: string): boolean {
  if (principal.type !== 'service' || !Object.hasOwn(ACTIONS, principal.service)) return false;
  return ACTIONS[principal.service]?.includes(action) ?? false;
}
