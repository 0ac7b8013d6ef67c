/** Terraform's AWS provider makes the IAM side of a pipeline, sees no difference afterwards, and takes it away again. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

const PIPELINE = `
resource "aws_iam_user" "ci" {
  name = "ci"
  path = "/robots/"
  tags = { team = "blue" }
}
resource "aws_iam_access_key" "ci" {
  user = aws_iam_user.ci.name
}
resource "aws_iam_service_specific_credential" "git" {
  service_name = "codecommit.amazonaws.com"
  user_name    = aws_iam_user.ci.name
}
resource "aws_iam_group" "developers" {
  name = "developers"
}
resource "aws_iam_group_membership" "developers" {
  name  = "developers"
  group = aws_iam_group.developers.name
  users = [aws_iam_user.ci.name]
}
resource "aws_iam_role" "pipeline" {
  name = "pipeline"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codepipeline.amazonaws.com", AWS = aws_iam_user.ci.arn }
    }]
  })
}
resource "aws_iam_role_policy" "artifacts" {
  role = aws_iam_role.pipeline.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "*" }]
  })
}
resource "aws_iam_policy" "logs" {
  name = "logs"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "logs:*", Resource = "*" }]
  })
}
resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.pipeline.name
  policy_arn = aws_iam_policy.logs.arn
}
output "account" {
  value = data.aws_caller_identity.me.account_id
}
`;

let house: TestHouse;
let terraform: Terraform;
before(async () => {
  if (skip) return;
  house = await createTestHouse();
  terraform = createTerraform(house);
});
after(async () => {
  await house?.close();
  terraform?.close();
});

test(
  'Terraform makes roles, users and policies, finds them as it made them, and removes them',
  { skip },
  async () => {
    terraform.write(PIPELINE);
    await terraform.succeeds('init');
    const applied = await terraform.succeeds('apply', '-auto-approve');
    assert.match(applied, /Apply complete! Resources: 9 added, 0 changed, 0 destroyed\./);
    assert.match(applied, new RegExp(`account = "${house.account}"`));
    await terraform.succeeds('plan', '-detailed-exitcode');
    const destroyed = await terraform.succeeds('destroy', '-auto-approve');
    assert.match(destroyed, /Destroy complete! Resources: 9 destroyed\./);
    assert.deepEqual((await house.slipway.root.send('iam:ListRoles', {})).Roles, []);
  },
);
