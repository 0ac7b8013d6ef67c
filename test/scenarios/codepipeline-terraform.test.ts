/**
 * Scenario 90, as far as Terraform goes: its AWS provider makes a pipeline with everything around it, updates it, sees
 * no difference afterwards, and takes it away. The CDK needs CloudFormation, which this house does not have yet.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip as skip } from '#test/support/terraform.ts';

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

function world(buildStage: string): string {
  return `
resource "aws_s3_bucket" "artifacts" {
  bucket        = "artifacts"
  force_destroy = true
}
resource "aws_codecommit_repository" "web" {
  repository_name = "web"
  default_branch  = "main"
}
resource "aws_iam_role" "pipeline" {
  name = "pipeline"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "codepipeline.amazonaws.com" } }]
  })
}
resource "aws_codepipeline_custom_action_type" "worker" {
  category      = "Build"
  provider_name = "Worker"
  version       = "1"
  input_artifact_details {
    maximum_count = 1
    minimum_count = 0
  }
  output_artifact_details {
    maximum_count = 1
    minimum_count = 0
  }
  configuration_property {
    key         = true
    name        = "ProjectName"
    queryable   = true
    required    = true
    secret      = false
    type        = "String"
  }
}
resource "aws_codepipeline" "web" {
  name           = "web"
  role_arn       = aws_iam_role.pipeline.arn
  pipeline_type  = "V2"
  execution_mode = "QUEUED"
  tags           = { team = "blue" }
  artifact_store {
    location = aws_s3_bucket.artifacts.bucket
    type     = "S3"
  }
  variable {
    name          = "Greeting"
    default_value = "hello"
    description   = "what to say"
  }
  stage {
    name = "Source"
    action {
      name             = "Fetch"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeCommit"
      version          = "1"
      output_artifacts = ["Site"]
      namespace        = "Fetched"
      configuration = {
        RepositoryName = aws_codecommit_repository.web.repository_name
        BranchName     = "main"
      }
    }
  }
  stage {
    name = "Build"
${buildStage}
    action {
      name            = "Work"
      category        = "Build"
      owner           = "Custom"
      provider        = aws_codepipeline_custom_action_type.worker.provider_name
      version         = "1"
      input_artifacts = ["Site"]
      configuration   = { ProjectName = "web" }
    }
  }
  stage {
    name = "Approve"
    action {
      name     = "Ask"
      category = "Approval"
      owner    = "AWS"
      provider = "Manual"
      version  = "1"
      configuration = { CustomData = "Commit #{Fetched.CommitId}: #{variables.Greeting}" }
    }
  }
}
resource "aws_codepipeline_webhook" "web" {
  name            = "web"
  authentication  = "GITHUB_HMAC"
  target_action   = "Fetch"
  target_pipeline = aws_codepipeline.web.name
  authentication_configuration {
    secret_token = "a secret of the test"
  }
  # It is never shown again, here as on AWS, so the provider would always see a difference.
  lifecycle {
    ignore_changes = [authentication_configuration[0].secret_token]
  }
  filter {
    json_path    = "$.ref"
    match_equals = "refs/heads/{BranchName}"
  }
}
`;
}

const RETRY = `
    on_failure {
      result = "RETRY"
      retry_configuration {
        retry_mode = "ALL_ACTIONS"
      }
    }`;

const ROLLBACK = `
    before_entry {
      condition {
        result = "SKIP"
        rule {
          name = "Check"
          rule_type_id {
            category = "Rule"
            owner    = "AWS"
            provider = "VariableCheck"
            version  = "1"
          }
          configuration = {
            Variable = "#{variables.Greeting}"
            Value    = "hello"
            Operator = "EQ"
          }
        }
      }
    }
    on_failure {
      result = "ROLLBACK"
    }`;

test('scenario 90: Terraform creates, updates, sees no difference, and destroys', { skip }, async () => {
  terraform.write(world(RETRY));
  await terraform.succeeds('init');
  assert.match(await terraform.succeeds('apply', '-auto-approve'), /Resources: 6 added, 0 changed/);
  await terraform.succeeds('plan', '-detailed-exitcode');
  terraform.write(world(ROLLBACK));
  assert.match(await terraform.succeeds('apply', '-auto-approve'), /0 added, 1 changed, 0 destroyed/);
  await terraform.succeeds('plan', '-detailed-exitcode');
  const { pipeline } = await house.slipway.root.send('codepipeline:GetPipeline', { name: 'web' });
  assert.equal(pipeline?.version, 2);
  assert.equal(pipeline.stages?.[1]?.onFailure?.result, 'ROLLBACK');
  assert.match(await terraform.succeeds('destroy', '-auto-approve'), /Resources: 6 destroyed/);
  assert.deepEqual((await house.slipway.root.send('codepipeline:ListPipelines', {})).pipelines, []);
});
