/**
 * The images that builds may name. There is no image behind them: each is a name for the tools of this machine, and the
 * log of a build says so.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
 */

import type { EnvironmentPlatform } from '@aws-sdk/client-codebuild';
import type { Handler } from '#services/service.ts';

const UBUNTU = ['standard:5.0', 'standard:6.0', 'standard:7.0', 'standard:8.0'];
const AMAZON_LINUX = {
  x64: [
    'amazonlinux2-x86_64-standard:4.0',
    'amazonlinux2-x86_64-standard:5.0',
    'amazonlinux-x86_64-standard:5.0',
    'amazonlinux-x86_64-standard:6.0',
    'amazonlinux2023-x86_64-standard:5.0',
  ],
  arm64: [
    'amazonlinux2-aarch64-standard:2.0',
    'amazonlinux2-aarch64-standard:3.0',
    'amazonlinux-aarch64-standard:3.0',
    'amazonlinux-aarch64-standard:4.0',
  ],
};

export function isCurated(image: string): boolean {
  return /^aws\/codebuild\/(standard|amazonlinux|al2)/.test(image);
}

export function imageOperations() {
  const ListCuratedEnvironmentImages: Handler<'codebuild', 'ListCuratedEnvironmentImages'> = () =>
    Promise.resolve({
      platforms: [
        platform('UBUNTU', process.arch === 'arm64' ? [] : UBUNTU),
        platform('AMAZON_LINUX', process.arch === 'arm64' ? AMAZON_LINUX.arm64 : AMAZON_LINUX.x64),
      ],
    });
  return { ListCuratedEnvironmentImages };
}

function platform(name: 'UBUNTU' | 'AMAZON_LINUX', images: readonly string[]): EnvironmentPlatform {
  return {
    platform: name,
    languages: [
      {
        language: 'BASE',
        images: images.map((image) => ({
          name: `aws/codebuild/${image}`,
          description: `The tools of this machine under the name aws/codebuild/${image}`,
          versions: [`aws/codebuild/${image}`],
        })),
      },
    ],
  };
}
