/** Parameters and secrets as Terraform makes them: made, unchanged at once, changed, taken away. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip } from '#test/support/terraform.ts';

let house: TestHouse;
let terraform: Terraform;

before(async () => {
  if (terraformSkip) return;
  house = await createTestHouse();
  terraform = createTerraform(house);
});
after(async () => {
  terraform?.close();
  await house?.close();
});

const RESOURCES = `
variable "value" {
  type = string
}
resource "aws_kms_key" "own" {
  deletion_window_in_days = 7
}
resource "aws_ssm_parameter" "plain" {
  name            = "/tf/plain"
  type            = "String"
  value           = var.value
  description     = "of terraform"
  allowed_pattern = "[a-z]+"
  tags            = { team = "shop" }
}
resource "aws_ssm_parameter" "list" {
  name  = "tf-list"
  type  = "StringList"
  value = "a,b"
  tier  = "Advanced"
}
resource "aws_ssm_parameter" "secure" {
  name   = "/tf/secure"
  type   = "SecureString"
  value  = var.value
  key_id = aws_kms_key.own.arn
}
resource "aws_secretsmanager_secret" "db" {
  name                    = "tf/db"
  description             = "of terraform"
  kms_key_id              = aws_kms_key.own.arn
  recovery_window_in_days = 0
  tags                    = { team = "shop" }
}
resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ password = var.value })
}
resource "aws_secretsmanager_secret_policy" "db" {
  secret_arn          = aws_secretsmanager_secret.db.arn
  block_public_policy = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:root" }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
    }]
  })
}
data "aws_ssm_parameter" "secure" {
  name       = aws_ssm_parameter.secure.name
  depends_on = [aws_ssm_parameter.secure]
}
data "aws_secretsmanager_secret_version" "db" {
  secret_id  = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_version.db]
}
output "read" {
  value     = "\${data.aws_ssm_parameter.secure.value} \${data.aws_secretsmanager_secret_version.db.secret_string}"
  sensitive = true
}
`;

test('Terraform makes, changes and takes away parameters and secrets', { skip: terraformSkip }, async () => {
  terraform.write(RESOURCES);
  await terraform.succeeds('init');
  await terraform.succeeds('apply', '-auto-approve', '-var', 'value=first');
  assert.match(await terraform.succeeds('plan', '-detailed-exitcode', '-var', 'value=first'), /No changes/);
  await terraform.succeeds('apply', '-auto-approve', '-var', 'value=second');
  assert.match(await terraform.succeeds('plan', '-detailed-exitcode', '-var', 'value=second'), /No changes/);
  assert.equal((await terraform.succeeds('output', '-raw', 'read')).trim(), 'second {"password":"second"}');
  const { root } = house.slipway;
  const history = await root.send('ssm:GetParameterHistory', { Name: '/tf/plain' });
  assert.deepEqual(
    history.Parameters?.map(({ Value, Description }) => [Value, Description]),
    [
      ['first', 'of terraform'],
      ['second', 'of terraform'],
    ],
  );
  await terraform.succeeds('destroy', '-auto-approve', '-var', 'value=second');
  assert.deepEqual((await root.send('ssm:DescribeParameters', {})).Parameters, []);
});
