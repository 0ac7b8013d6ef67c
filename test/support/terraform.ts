/**
 * Terraform with its AWS provider, unmodified, against a test house. The provider is found where the machine's own
 * TF_CLI_CONFIG_FILE says, in the folder that SLIPWAY_TERRAFORM_PLUGINS names, or in Terraform's own for local plugins.
 */

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestHouse } from './house.ts';

const plugins = process.env['SLIPWAY_TERRAFORM_PLUGINS'] ?? '/usr/local/share/terraform/plugins';
const RUN_MS_MAX = 180_000;
/** Of the machine; only if it names a mirror, so that nothing is fetched from anywhere. */
const ownSettings = findOwnSettings();

/** Why Terraform cannot be used here, for a test's `skip`. */
export const terraformSkip = whyNot();

function whyNot(): string | false {
  if (spawnSync('terraform', ['version']).status !== 0) return 'wants Terraform, which is not installed';
  if (ownSettings !== undefined) return false;
  const provider = join(plugins, 'registry.terraform.io/hashicorp/aws');
  return existsSync(provider)
    ? false
    : `wants an AWS provider, which is not in ${plugins}; set SLIPWAY_TERRAFORM_PLUGINS`;
}

function findOwnSettings(): string | undefined {
  const file = process.env['TF_CLI_CONFIG_FILE'];
  if (process.env['SLIPWAY_TERRAFORM_PLUGINS'] !== undefined || !file || !existsSync(file)) return undefined;
  return readFileSync(file, 'utf8').includes('filesystem_mirror') ? file : undefined;
}

export interface Terraform {
  /** Replaces `main.tf`. */
  write(configuration: string): void;
  /** Fails with all that Terraform said when it does not succeed. */
  succeeds(...parameters: readonly string[]): Promise<string>;
  close(): void;
}

export function createTerraform(house: TestHouse): Terraform {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-terraform-'));
  const settings = `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(plugins)}\n  }\n}\n`;
  writeFileSync(join(directory, 'settings'), settings);
  const env = {
    ...house.environment,
    TF_CLI_CONFIG_FILE: ownSettings ?? join(directory, 'settings'),
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
  };
  return {
    write: (configuration) => writeFileSync(join(directory, 'main.tf'), HEAD + configuration),
    succeeds: (...parameters) =>
      new Promise((resolve, reject) => {
        const options = { cwd: directory, env, timeout: RUN_MS_MAX };
        execFile('terraform', [...parameters, '-no-color'], options, (error, stdout, stderr) => {
          try {
            assert.equal(error, null, `terraform ${parameters.join(' ')}: ${stdout}${stderr}`);
            resolve(stdout + stderr);
          } catch (failure) {
            reject(failure as Error);
          }
        });
      }),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const HEAD = `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  s3_use_path_style = true
}
data "aws_caller_identity" "me" {}
`;
