/** Terraform's AWS provider makes log groups and what belongs to them, sees no difference afterwards, and removes them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

const logs = (days: number) => `
data "aws_region" "here" {}

resource "aws_kms_key" "logs" {
  deletion_window_in_days = 7
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Effect    = "Allow"
        Principal = { Service = "logs.\${data.aws_region.here.name}.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
      },
    ]
  })
}
resource "aws_cloudwatch_log_group" "app" {
  name              = "/shop/app"
  retention_in_days = ${days}
  kms_key_id        = aws_kms_key.logs.arn
  tags              = { team = "blue" }
}
resource "aws_cloudwatch_log_group" "plain" {
  name_prefix = "/shop/plain-"
}
resource "aws_cloudwatch_log_stream" "main" {
  name           = "main"
  log_group_name = aws_cloudwatch_log_group.app.name
}
resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  pattern        = "ERROR"
  log_group_name = aws_cloudwatch_log_group.app.name
  metric_transformation {
    name      = "Errors"
    namespace = "Shop"
    value     = "1"
  }
}
resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name = "events"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["events.amazonaws.com", "delivery.logs.amazonaws.com"] }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "\${aws_cloudwatch_log_group.app.arn}:*"
    }]
  })
}
data "aws_cloudwatch_log_groups" "all" {
  log_group_name_prefix = "/shop/"
  depends_on            = [aws_cloudwatch_log_group.app, aws_cloudwatch_log_group.plain]
}
`;

let house: TestHouse;
let terraform: Terraform | undefined;
before(async () => {
  house = await createTestHouse();
  if (!skip) terraform = createTerraform(house);
});
after(async () => {
  await house.close();
  terraform?.close();
});

test(
  'Terraform makes log groups, changes them, finds them as it made them, and removes them',
  { skip },
  async () => {
    assert.ok(terraform);
    terraform.write(logs(14));
    await terraform.succeeds('init');
    const applied = await terraform.succeeds('apply', '-auto-approve');
    assert.match(applied, /Apply complete! Resources: 6 added, 0 changed, 0 destroyed\./);
    await terraform.succeeds('plan', '-detailed-exitcode');
    terraform.write(logs(30));
    const changed = await terraform.succeeds('apply', '-auto-approve');
    assert.match(changed, /Apply complete! Resources: 0 added, 1 changed, 0 destroyed\./);
    const { logGroups } = await house.slipway.root.send('logs:DescribeLogGroups', {
      logGroupNamePrefix: '/shop/app',
    });
    assert.equal(logGroups?.[0]?.retentionInDays, 30);
    const destroyed = await terraform.succeeds('destroy', '-auto-approve');
    assert.match(destroyed, /Destroy complete! Resources: 6 destroyed\./);
    const left = await house.slipway.root.send('logs:DescribeLogGroups', {});
    assert.deepEqual(left.logGroups, []);
  },
);
