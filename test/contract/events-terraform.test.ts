/** Terraform's AWS provider makes a bus, rules, targets and an archive, sees no difference afterwards, and removes them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

const RULES = `
resource "aws_cloudwatch_event_bus" "orders" {
  name = "orders"
  tags = { team = "blue" }
}
resource "aws_cloudwatch_event_rule" "push" {
  name        = "push"
  description = "starts the pipeline"
  event_pattern = jsonencode({
    source        = ["aws.codecommit"]
    "detail-type" = ["CodeCommit Repository State Change"]
    detail        = { referenceName = ["main"] }
  })
  tags = { team = "blue" }
}
resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = "cron(0 3 ? * MON-FRI *)"
  state               = "DISABLED"
}
resource "aws_cloudwatch_event_rule" "orders" {
  name           = "orders"
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  event_pattern  = jsonencode({ source = ["shop"] })
}
resource "aws_iam_role" "events" {
  name = "events"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "events.amazonaws.com" } }]
  })
}
resource "aws_cloudwatch_event_target" "pipeline" {
  rule     = aws_cloudwatch_event_rule.push.name
  arn      = "arn:aws:codepipeline:us-east-1:\${data.aws_caller_identity.me.account_id}:shop"
  role_arn = aws_iam_role.events.arn
  input_transformer {
    input_paths    = { commit = "$.detail.commitId" }
    input_template = <<-TEXT
      {"sourceRevisions": [{"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": "<commit>"}]}
    TEXT
  }
  retry_policy {
    maximum_retry_attempts       = 3
    maximum_event_age_in_seconds = 600
  }
}
resource "aws_cloudwatch_event_target" "orders" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  arn            = "arn:aws:sqs:us-east-1:\${data.aws_caller_identity.me.account_id}:orders"
  input_path     = "$.detail"
}
resource "aws_cloudwatch_event_archive" "orders" {
  name             = "orders"
  event_source_arn = aws_cloudwatch_event_bus.orders.arn
  retention_days   = 7
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
  'Terraform makes rules and targets, finds them as it made them, and removes them',
  { skip },
  async () => {
    terraform.write(RULES);
    await terraform.succeeds('init');
    const applied = await terraform.succeeds('apply', '-auto-approve');
    assert.match(applied, /Apply complete! Resources: 8 added, 0 changed, 0 destroyed\./);
    await terraform.succeeds('plan', '-detailed-exitcode');
    const destroyed = await terraform.succeeds('destroy', '-auto-approve');
    assert.match(destroyed, /Destroy complete! Resources: 8 destroyed\./);
    assert.deepEqual((await house.slipway.root.send('events:ListRules', {})).Rules, []);
  },
);
