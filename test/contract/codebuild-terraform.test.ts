/**
 * Scenario 69: Terraform's AWS provider makes projects with cache, webhook, badge and reports, and source credentials,
 * sees no difference afterwards, changes one, and removes all.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

const configuration = (description: string) => `
resource "aws_iam_role" "build" {
  name = "build"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "codebuild.amazonaws.com" } }]
  })
}
resource "aws_s3_bucket" "files" {
  bucket        = "terraform-files"
  force_destroy = true
}
resource "aws_codebuild_project" "shop" {
  name                   = "shop"
  description            = "${description}"
  service_role           = aws_iam_role.build.arn
  build_timeout          = 10
  queued_timeout         = 60
  concurrent_build_limit = 2
  badge_enabled          = true
  artifacts {
    type                   = "S3"
    location               = aws_s3_bucket.files.bucket
    packaging              = "ZIP"
    name                   = "shop.zip"
    override_artifact_name = true
  }
  secondary_artifacts {
    artifact_identifier = "extra"
    type                = "S3"
    location            = aws_s3_bucket.files.bucket
  }
  cache {
    type     = "S3"
    location = "\${aws_s3_bucket.files.bucket}/cache"
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
    type         = "LINUX_CONTAINER"
    environment_variable {
      name  = "STAGE"
      value = "prod"
    }
  }
  source {
    type                = "GITHUB"
    location            = "https://github.com/acme/shop.git"
    git_clone_depth     = 1
    report_build_status = true
    git_submodules_config {
      fetch_submodules = true
    }
  }
  secondary_sources {
    source_identifier = "data"
    type              = "S3"
    location          = "\${aws_s3_bucket.files.bucket}/data/"
  }
  logs_config {
    cloudwatch_logs {
      group_name  = "builds"
      stream_name = "shop"
    }
    s3_logs {
      status   = "ENABLED"
      location = "\${aws_s3_bucket.files.bucket}/logs"
    }
  }
  tags = { team = "blue" }
}
resource "aws_codebuild_project" "local" {
  name         = "local"
  service_role = aws_iam_role.build.arn
  artifacts {
    type = "NO_ARTIFACTS"
  }
  cache {
    type  = "LOCAL"
    modes = ["LOCAL_CUSTOM_CACHE"]
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
    type         = "LINUX_CONTAINER"
  }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2\\nphases:\\n  build:\\n    commands: [true]\\n"
  }
}
resource "aws_codebuild_source_credential" "github" {
  auth_type   = "PERSONAL_ACCESS_TOKEN"
  server_type = "GITHUB"
  token       = "a-token"
}
resource "aws_codebuild_webhook" "shop" {
  project_name = aws_codebuild_project.shop.name
  build_type   = "BUILD"
  filter_group {
    filter {
      type    = "EVENT"
      pattern = "PUSH"
    }
    filter {
      type                    = "HEAD_REF"
      pattern                 = "^refs/heads/main$"
      exclude_matched_pattern = false
    }
  }
  depends_on = [aws_codebuild_source_credential.github]
}
resource "aws_codebuild_report_group" "unit" {
  name = "unit"
  type = "TEST"
  export_config {
    type = "S3"
    s3_destination {
      bucket              = aws_s3_bucket.files.bucket
      path                = "reports"
      packaging           = "ZIP"
      encryption_key      = "arn:aws:kms:us-east-1:123456789012:alias/aws/s3"
      encryption_disabled = true
    }
  }
  tags = { team = "blue" }
}
resource "aws_codebuild_resource_policy" "unit" {
  resource_arn = aws_codebuild_report_group.unit.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "share"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" }
      Action    = ["codebuild:BatchGetReportGroups"]
      Resource  = aws_codebuild_report_group.unit.arn
    }]
  })
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
  'scenario 69: Terraform makes what builds need, finds it as it made it, changes and removes it',
  { skip },
  async () => {
    terraform.write(configuration('first'));
    await terraform.succeeds('init');
    const applied = await terraform.succeeds('apply', '-auto-approve');
    assert.match(applied, /Apply complete! Resources: 8 added, 0 changed, 0 destroyed\./);
    await terraform.succeeds('plan', '-detailed-exitcode');
    terraform.write(configuration('second'));
    const changed = await terraform.succeeds('apply', '-auto-approve');
    assert.match(changed, /Apply complete! Resources: 0 added, 1 changed, 0 destroyed\./);
    await terraform.succeeds('plan', '-detailed-exitcode');
    const destroyed = await terraform.succeeds('destroy', '-auto-approve');
    assert.match(destroyed, /Destroy complete! Resources: 8 destroyed\./);
    assert.deepEqual((await house.slipway.root.send('codebuild:ListProjects', {})).projects, []);
  },
);
