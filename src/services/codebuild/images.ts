/** ListCuratedEnvironmentImages: the curated names, and what each means on this machine. */

import type { EnvironmentImage, EnvironmentPlatform, PlatformType } from '@aws-sdk/client-codebuild';
import { fault } from '#base/fault.ts';
import type { Handler } from '#services/service.ts';
import { AMAZON_LINUX, UBUNTU } from './curated-images.ts';
import { candidatesFor, HOST, ownNames } from './image-catalogue.ts';
import type { Room } from './room.ts';

export function imageOperations({ house, runtime }: Room) {
  const ListCuratedEnvironmentImages: Handler<'codebuild', 'ListCuratedEnvironmentImages'> = () => {
    const names: Record<'UBUNTU' | 'AMAZON_LINUX' | 'DEBIAN', string[]> = {
      UBUNTU: process.arch === 'arm64' ? [] : [...UBUNTU],
      AMAZON_LINUX: [...(process.arch === 'arm64' ? AMAZON_LINUX.arm64 : AMAZON_LINUX.x64)],
      DEBIAN: [],
    };
    try {
      for (const { name, platform } of ownNames(house.directory)) {
        if (!names[platform].includes(name)) names[platform].push(name);
      }
      const describe = (name: string) => describeImage(house.directory, name, runtime.images !== undefined);
      const platforms = Object.entries(names)
        .filter(([, list]) => list.length > 0)
        .map(([name, list]) => viewPlatform(name as PlatformType, list.map(describe)));
      return Promise.resolve({ platforms });
    } catch (error) {
      throw fault('InternalFailure', (error as Error).message);
    }
  };
  return { ListCuratedEnvironmentImages };
}

function describeImage(directory: string, name: string, hasImages: boolean): EnvironmentImage {
  const uses = candidatesFor(directory, name)
    .map(({ use }) => use)
    .filter((use) => hasImages || use === HOST);
  const words = uses.map((use) => (use === HOST ? 'the tools of this machine' : use));
  const isHost = uses.every((use) => use === HOST);
  return {
    name,
    description: isHost
      ? `The tools of this machine under the name ${name}`
      : `The first of these that is there: ${words.join(', ')}`,
    versions: [name],
  };
}

function viewPlatform(platform: PlatformType, images: EnvironmentImage[]): EnvironmentPlatform {
  return { platform, languages: [{ language: 'BASE', images }] };
}
