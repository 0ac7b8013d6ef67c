/** Terraform makes, changes the tags of, and removes a custom action type, and finds nothing to do in between. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodePipeline } from '@aws-sdk/client-codepipeline';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip } from '#test/support/terraform.ts';

let house: TestHouse;
let terraform: Terraform;
before(async () => {
  house = await createTestHouse();
  terraform = createTerraform(house);
});
after(async () => {
  terraform.close();
  await house.close();
});

function configuration(team: string): string {
  return `
resource "aws_codepipeline_custom_action_type" "jenkins" {
  category      = "Build"
  provider_name = "Jenkins"
  version       = "1"
  settings {
    entity_url_template    = "https://jenkins.example.com/job/{Config:ProjectName}"
    execution_url_template = "https://jenkins.example.com/job/{Config:ProjectName}/{ExternalExecutionId}"
  }
  configuration_property {
    name        = "ProjectName"
    description = "The project that is built"
    key         = true
    queryable   = true
    required    = true
    secret      = false
    type        = "String"
  }
  input_artifact_details {
    minimum_count = 0
    maximum_count = 5
  }
  output_artifact_details {
    minimum_count = 0
    maximum_count = 5
  }
  tags = {
    team = "${team}"
  }
}
`;
}

test('a custom action type by Terraform', { skip: terraformSkip }, async () => {
  terraform.write(configuration('one'));
  await terraform.succeeds('init');
  await terraform.succeeds('apply', '-auto-approve');
  assert.match(await terraform.succeeds('plan', '-detailed-exitcode'), /No changes/);
  terraform.write(configuration('two'));
  await terraform.succeeds('apply', '-auto-approve');
  assert.match(await terraform.succeeds('plan', '-detailed-exitcode'), /No changes/);
  const { endpoint, region, credentials, account } = house;
  const client = new CodePipeline({ endpoint, region, credentials });
  const resourceArn = `arn:aws:codepipeline:${region}:${account}:actiontype:Custom/Build/Jenkins/1`;
  assert.deepEqual((await client.listTagsForResource({ resourceArn })).tags, [{ key: 'team', value: 'two' }]);
  await terraform.succeeds('destroy', '-auto-approve');
  assert.deepEqual((await client.listActionTypes({ actionOwnerFilter: 'Custom' })).actionTypes, []);
  client.destroy();
});
