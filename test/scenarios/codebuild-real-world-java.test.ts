/**
 * CodeBuild §11, scenario 36: a Maven project compiles, runs its tests and packs itself. Its repository is the one that
 * Debian's packages fill, in the place of Maven Central, so that nothing is asked of the network.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type BuildClients, connectBuilds, contextOf, createBuildRole } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createPusher } from '#test/support/repositories.ts';

const NEEDED = {
  '/usr/bin/javac': 'a JDK',
  '/usr/bin/mvn': 'Maven',
  '/usr/share/maven-repo/junit/junit/4.13.2': 'junit4',
  '/usr/share/maven-repo/org/apache/maven/surefire/surefire-junit4': 'libsurefire-java',
  '/usr/share/maven-repo/org/apache/maven/plugins/maven-jar-plugin': 'libmaven-jar-plugin-java',
  '/usr/share/maven-repo/org/apache/maven/plugins/maven-compiler-plugin': 'libmaven-compiler-plugin-java',
  '/usr/share/maven-repo/org/apache/maven/plugins/maven-resources-plugin': 'libmaven-resources-plugin-java',
};
const missing = Object.entries(NEEDED)
  .filter(([path]) => !existsSync(path))
  .map(([, name]) => name);

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, ['logs:*', 's3:*', 'codecommit:GitPull', 'codebuild:*']);
  await clients.s3.createBucket({ Bucket: 'jars' });
});
after(async () => {
  clients.close();
  await house.close();
});

test(
  'scenario 36: Maven packs a JAR, its tests are a report, and the second build is offline from the cache',
  { skip: missing.length > 0 && `wants ${missing.join(', ')}` },
  async () => {
    const { url } = await (await createPusher(house)).push('maven');
    await clients.createProject('maven', '', {
      source: { type: 'CODECOMMIT', location: url },
      sourceVersion: 'main',
      artifacts: { type: 'S3', location: 'jars', name: '/', encryptionDisabled: true },
      cache: { type: 'S3', location: 'jars/cache' },
    });
    for (const isFirst of [true, false]) {
      const build = await clients.run('maven');
      const log = await clients.log(build);
      assert.equal(contextOf(build), undefined, log.slice(-40).join('\n'));
      assert.equal(
        log.some((line) => line.includes('Downloading from ')),
        isFirst,
      );
      assert.equal(
        log.some((line) => line.endsWith(' Restored cache')),
        !isFirst,
      );
      assert.ok(log.some((line) => line.includes('Tests run: 2, Failures: 0, Errors: 0, Skipped: 0')));
      const { reports } = await clients.codebuild.batchGetReports({ reportArns: build.reportArns ?? [] });
      assert.deepEqual(
        reports?.map(({ testSummary }) => testSummary?.statusCounts),
        [{ SUCCEEDED: 2, FAILED: 0, ERROR: 0, SKIPPED: 0, UNKNOWN: 0 }],
      );
    }
    const { Contents } = await clients.s3.listObjectsV2({ Bucket: 'jars', Delimiter: '/' });
    assert.deepEqual(
      Contents?.map(({ Key }) => Key),
      ['shop-1.0.jar'],
    );
  },
);
