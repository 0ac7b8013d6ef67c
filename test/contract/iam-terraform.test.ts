/**
 * Terraform's AWS provider, unmodified, makes the IAM side of a pipeline, sees no difference afterwards, and takes it
 * away again. It is found in Terraform's own folder for local plugins, or in the one that SLIPWAY_TERRAFORM_PLUGINS names.
 */

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const plugins = process.env['SLIPWAY_TERRAFORM_PLUGINS'] ?? '/usr/local/share/terraform/plugins';
const skip = whyNot();
const RUN_MS_MAX = 120_000;

function whyNot(): string | false {
  if (spawnSync('terraform', ['version']).status !== 0) return 'wants Terraform, which is not installed';
  const provider = join(plugins, 'registry.terraform.io/hashicorp/aws');
  return existsSync(provider)
    ? false
    : `wants an AWS provider, which is not in ${plugins}; set SLIPWAY_TERRAFORM_PLUGINS`;
}

const PIPELINE = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {}
data "aws_caller_identity" "me" {}

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

const directory = mkdtempSync(join(tmpdir(), 'slipway-terraform-'));
let house: TestHouse;

before(async () => {
  if (skip) return;
  house = await createTestHouse();
  writeFileSync(join(directory, 'main.tf'), PIPELINE);
  const settings = `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(plugins)}\n  }\n}\n`;
  writeFileSync(join(directory, 'settings'), settings);
});
after(async () => {
  await house?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  readonly code: number;
  readonly output: string;
}

function terraform(...parameters: readonly string[]): Promise<Run> {
  const env = {
    ...house.environment,
    TF_CLI_CONFIG_FILE: join(directory, 'settings'),
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const options = { cwd: directory, env, timeout: RUN_MS_MAX };
  return new Promise((resolve) => {
    execFile('terraform', [...parameters, '-no-color'], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

test(
  'Terraform makes roles, users and policies, finds them as it made them, and removes them',
  { skip },
  async () => {
    const succeeds = async (...parameters: readonly string[]) => {
      const { code, output } = await terraform(...parameters);
      assert.equal(code, 0, output);
      return output;
    };
    await succeeds('init');
    const applied = await succeeds('apply', '-auto-approve');
    assert.match(applied, /Apply complete! Resources: 9 added, 0 changed, 0 destroyed\./);
    assert.match(applied, new RegExp(`account = "${house.account}"`));
    await succeeds('plan', '-detailed-exitcode');
    const destroyed = await succeeds('destroy', '-auto-approve');
    assert.match(destroyed, /Destroy complete! Resources: 9 destroyed\./);
    assert.deepEqual((await house.slipway.root.send('iam:ListRoles', {})).Roles, []);
  },
);
