/**
 * The curated images that builds may name. What each means on this machine is in the catalogue (`image-catalogue.ts`):
 * an image of the engine, or the tools of this machine; the log of a build says which.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
 */

export const UBUNTU = [5, 6, 7, 8].map((version) => `aws/codebuild/standard:${version}.0`);
export const AMAZON_LINUX = {
  x64: [
    'aws/codebuild/amazonlinux2-x86_64-standard:4.0',
    'aws/codebuild/amazonlinux2-x86_64-standard:5.0',
    'aws/codebuild/amazonlinux-x86_64-standard:5.0',
    'aws/codebuild/amazonlinux-x86_64-standard:6.0',
    'aws/codebuild/amazonlinux2023-x86_64-standard:5.0',
  ],
  arm64: [
    'aws/codebuild/amazonlinux2-aarch64-standard:2.0',
    'aws/codebuild/amazonlinux2-aarch64-standard:3.0',
    'aws/codebuild/amazonlinux-aarch64-standard:3.0',
    'aws/codebuild/amazonlinux-aarch64-standard:4.0',
  ],
};

/** Of the families that AWS keeps; other names below `aws/codebuild/` mean something only by the catalogue. */
export function isCurated(image: string): boolean {
  return /^aws\/codebuild\/(standard|amazonlinux|al2)/.test(image);
}
