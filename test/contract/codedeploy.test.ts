/** The CodeDeploy API as official clients see it: applications, groups, configurations, hosts, revisions, and refusals. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as Deploy from '@aws-sdk/client-codedeploy';
import { createFleet, type Fleet } from '#test/support/fleet.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let directory: string;
let fleet: Fleet;
let deploy: Deploy.CodeDeploy;
const roleArn = () => `arn:aws:iam::${house.account}:role/fleet-deploy`;

before(async () => {
  house = await createTestHouse();
  directory = mkdtempSync(join(tmpdir(), 'slipway-codedeploy-'));
  fleet = await createFleet(house, directory, ['host-1', 'host-2']);
  deploy = fleet.deploy;
});
after(async () => {
  await house.close();
  rmSync(directory, { recursive: true, force: true });
});

const fails = (work: Promise<unknown>, name: string, message: RegExp) =>
  assert.rejects(work, (error: Error) => {
    assert.equal(error.name, name, error.message);
    assert.match(error.message, message);
    return true;
  });

test('an application is made, renamed with its groups, and deleted', async () => {
  const { applicationId } = await deploy.createApplication({
    applicationName: 'shop',
    tags: [{ Key: 'team', Value: 'a' }],
  });
  await fails(
    deploy.createApplication({ applicationName: 'shop' }),
    'ApplicationAlreadyExistsException',
    /shop/,
  );
  const group = { deploymentGroupName: 'web', serviceRoleArn: roleArn() };
  const { deploymentGroupId } = await deploy.createDeploymentGroup({ applicationName: 'shop', ...group });
  await deploy.updateApplication({ applicationName: 'shop', newApplicationName: 'store' });
  const { application } = await deploy.getApplication({ applicationName: 'store' });
  assert.equal(application?.applicationId, applicationId);
  assert.equal(application?.computePlatform, 'Server');
  const { deploymentGroupInfo: info } = await deploy.getDeploymentGroup({
    applicationName: 'store',
    deploymentGroupName: 'web',
  });
  assert.equal(info?.deploymentGroupId, deploymentGroupId);
  assert.equal(info?.deploymentConfigName, 'CodeDeployDefault.OneAtATime');
  assert.deepEqual(info?.deploymentStyle, {
    deploymentType: 'IN_PLACE',
    deploymentOption: 'WITHOUT_TRAFFIC_CONTROL',
  });
  const ResourceArn = `arn:aws:codedeploy:us-east-1:${house.account}:application:store`;
  await deploy.tagResource({ ResourceArn, Tags: [{ Key: 'team', Value: 'b' }] });
  assert.deepEqual((await deploy.listTagsForResource({ ResourceArn })).Tags, [{ Key: 'team', Value: 'b' }]);
  await deploy.untagResource({ ResourceArn, TagKeys: ['team'] });
  assert.deepEqual((await deploy.listTagsForResource({ ResourceArn })).Tags, []);
  await deploy.deleteApplication({ applicationName: 'store' });
  await deploy.deleteApplication({ applicationName: 'store' });
  await fails(
    deploy.getApplication({ applicationName: 'store' }),
    'ApplicationDoesNotExistException',
    /^No application found for name: store$/,
  );
});

test('names are required and of the right form', async () => {
  const invalid = { applicationName: 'a/b' };
  await fails(deploy.createApplication(invalid), 'InvalidApplicationNameException', /a\/b/);
  await fails(
    deploy.getDeploymentGroup({ applicationName: 'App', deploymentGroupName: 'nope' }),
    'DeploymentGroupDoesNotExistException',
    /^No Deployment Group found for name: nope$/,
  );
  await fails(
    deploy.createApplication({ applicationName: undefined }),
    'ApplicationNameRequiredException',
    /./,
  );
  await fails(deploy.getDeployment({ deploymentId: 'x' }), 'InvalidDeploymentIdException', /x/);
  await fails(
    deploy.getDeployment({ deploymentId: 'd-ABCDEF123' }),
    'DeploymentDoesNotExistException',
    /^The deployment d-ABCDEF123 could not be found$/,
  );
});

test('what cannot be done here is refused when it is asked for', async () => {
  const base = { applicationName: 'App', deploymentGroupName: 'gaps', serviceRoleArn: roleArn() };
  const cases: [Partial<Deploy.CreateDeploymentGroupCommandInput>, string][] = [
    [{ alarmConfiguration: { enabled: true, alarms: [] } }, 'InvalidAlarmConfigException'],
    [{ deploymentStyle: { deploymentType: 'BLUE_GREEN' } }, 'InvalidDeploymentStyleException'],
    [{ loadBalancerInfo: { elbInfoList: [{ name: 'lb' }] } }, 'InvalidLoadBalancerInfoException'],
    [{ autoScalingGroups: ['asg'] }, 'InvalidAutoScalingGroupException'],
    [
      { triggerConfigurations: [{ triggerName: 't', triggerTargetArn: 'arn:aws:sns:x', triggerEvents: [] }] },
      'InvalidTriggerConfigException',
    ],
    [{ autoRollbackConfiguration: { enabled: true, events: [] } }, 'InvalidAutoRollbackConfigException'],
    [{ serviceRoleArn: `arn:aws:iam::${house.account}:role/nobody` }, 'InvalidRoleException'],
    [{ deploymentConfigName: 'unknown' }, 'DeploymentConfigDoesNotExistException'],
  ];
  for (const [change, code] of cases) {
    await fails(deploy.createDeploymentGroup({ ...base, ...change }), code, /./);
  }
  await fails(
    deploy.createApplication({ applicationName: 'fn', computePlatform: 'Lambda' }),
    'InvalidComputePlatformException',
    /Server/,
  );
  const { deploymentGroups } = await deploy.listDeploymentGroups({ applicationName: 'App' });
  assert.deepEqual(deploymentGroups, ['Group']);
});

test('an update keeps what it does not name', async () => {
  const name = { applicationName: 'App', deploymentGroupName: 'kept' };
  const filters = [{ Key: 'Fleet', Value: 'none', Type: 'KEY_AND_VALUE' as const }];
  await deploy.createDeploymentGroup({
    ...name,
    serviceRoleArn: roleArn(),
    onPremisesInstanceTagFilters: filters,
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
  });
  await deploy.updateDeploymentGroup({
    applicationName: 'App',
    currentDeploymentGroupName: 'kept',
    newDeploymentGroupName: 'renamed',
    deploymentConfigName: 'CodeDeployDefault.HalfAtATime',
  });
  const read = { applicationName: 'App', deploymentGroupName: 'renamed' };
  const { deploymentGroupInfo: info } = await deploy.getDeploymentGroup(read);
  assert.deepEqual(info?.onPremisesInstanceTagFilters, filters);
  assert.deepEqual(info?.autoRollbackConfiguration, { enabled: true, events: ['DEPLOYMENT_FAILURE'] });
  assert.equal(info?.deploymentConfigName, 'CodeDeployDefault.HalfAtATime');
  await deploy.updateDeploymentGroup({
    applicationName: 'App',
    currentDeploymentGroupName: 'renamed',
    onPremisesInstanceTagFilters: [],
  });
  const cleared = await deploy.getDeploymentGroup(read);
  assert.deepEqual(cleared.deploymentGroupInfo?.onPremisesInstanceTagFilters, []);
  await deploy.deleteDeploymentGroup(read);
});

test('configurations: the predefined ones are there, own ones are checked and protected while in use', async () => {
  const { deploymentConfigsList } = await deploy.listDeploymentConfigs({});
  assert.deepEqual(deploymentConfigsList, [
    'CodeDeployDefault.AllAtOnce',
    'CodeDeployDefault.HalfAtATime',
    'CodeDeployDefault.OneAtATime',
  ]);
  const one = await deploy.getDeploymentConfig({ deploymentConfigName: 'CodeDeployDefault.OneAtATime' });
  assert.deepEqual(one.deploymentConfigInfo?.minimumHealthyHosts, { type: 'MOST_CONCURRENCY', value: 1 });
  await deploy.createDeploymentConfig({
    deploymentConfigName: 'most',
    minimumHealthyHosts: { type: 'FLEET_PERCENT', value: 95 },
  });
  await fails(
    deploy.createDeploymentConfig({
      deploymentConfigName: 'all',
      minimumHealthyHosts: { type: 'FLEET_PERCENT', value: 100 },
    }),
    'InvalidMinimumHealthyHostValueException',
    /99/,
  );
  const group = { applicationName: 'App', deploymentGroupName: 'most' };
  await deploy.createDeploymentGroup({
    ...group,
    serviceRoleArn: roleArn(),
    deploymentConfigName: 'most',
    onPremisesInstanceTagFilters: [{ Key: 'Fleet', Type: 'KEY_ONLY' }],
  });
  await fails(
    deploy.deleteDeploymentConfig({ deploymentConfigName: 'most' }),
    'DeploymentConfigInUseException',
    /most/,
  );
  const revision = await fleet.bundle('most.zip', { 'appspec.yml': 'version: 0.0\nos: linux\n' });
  const { deploymentId } = await deploy.createDeployment({ ...group, revision });
  const info = await fleet.ended(deploymentId);
  assert.equal(info.errorInformation?.code, 'HEALTH_CONSTRAINTS_INVALID');
  await deploy.deleteDeploymentGroup(group);
  await deploy.deleteDeploymentConfig({ deploymentConfigName: 'most' });
});

test('hosts: one name and one identity each; a deregistered name is free at once', async () => {
  const userArn = (name: string) => `arn:aws:iam::${house.account}:user/${name}`;
  await deploy.registerOnPremisesInstance({ instanceName: 'box', iamUserArn: userArn('box') });
  await fails(
    deploy.registerOnPremisesInstance({ instanceName: 'box', iamUserArn: userArn('other') }),
    'InstanceNameAlreadyRegisteredException',
    /box/,
  );
  await fails(
    deploy.registerOnPremisesInstance({ instanceName: 'box2', iamUserArn: userArn('box') }),
    'IamUserArnAlreadyRegisteredException',
    /user\/box/,
  );
  await fails(deploy.registerOnPremisesInstance({ instanceName: 'box3' }), 'IamArnRequiredException', /./);
  const tags = (...keys: string[]) => keys.map((Key) => ({ Key, Value: 'v' }));
  await deploy.addTagsToOnPremisesInstances({ instanceNames: ['box'], tags: tags('a', 'b') });
  await fails(
    deploy.addTagsToOnPremisesInstances({ instanceNames: ['box', 'ghost'], tags: tags('c') }),
    'InstanceNotRegisteredException',
    /ghost/,
  );
  await deploy.removeTagsFromOnPremisesInstances({ instanceNames: ['box'], tags: tags('a') });
  const { instanceInfo } = await deploy.getOnPremisesInstance({ instanceName: 'box' });
  assert.deepEqual(instanceInfo?.tags, tags('b'));
  assert.match(instanceInfo?.instanceArn ?? '', /^arn:aws:codedeploy:us-east-1:\d+:instance\/box_\w{10}$/);
  await deploy.deregisterOnPremisesInstance({ instanceName: 'box' });
  const { instanceNames } = await deploy.listOnPremisesInstances({ registrationStatus: 'Deregistered' });
  assert.deepEqual(instanceNames, ['box']);
  await deploy.registerOnPremisesInstance({ instanceName: 'box', iamUserArn: userArn('box') });
});

test('revisions are registered by hand and by deployments, and listed', async () => {
  const revision: Deploy.RevisionLocation = {
    revisionType: 'S3',
    s3Location: { bucket: 'fleet-bundles', key: 'by-hand.zip', bundleType: 'zip', eTag: 'abc' },
  };
  await deploy.registerApplicationRevision({ applicationName: 'App', revision, description: 'first' });
  const { revisionInfo } = await deploy.getApplicationRevision({ applicationName: 'App', revision });
  assert.equal(revisionInfo?.description, 'first');
  assert.equal(revisionInfo?.firstUsedTime, undefined);
  const { revisions } = await deploy.listApplicationRevisions({
    applicationName: 'App',
    s3Bucket: 'fleet-bundles',
    s3KeyPrefix: 'by-',
  });
  assert.deepEqual(revisions, [revision]);
  await fails(
    deploy.getApplicationRevision({
      applicationName: 'App',
      revision: { revisionType: 'GitHub', gitHubLocation: { repository: 'a/b', commitId: 'c' } },
    }),
    'InvalidRevisionException',
    /GitHub/,
  );
});

test('a missing object and a group without hosts end a deployment before any host is asked', async () => {
  const missing = await fleet.create({
    revisionType: 'S3',
    s3Location: { bucket: 'fleet-bundles', key: 'nothing.zip', bundleType: 'zip' },
  });
  const info = await fleet.ended(missing);
  assert.equal(info.errorInformation?.code, 'REVISION_MISSING');
  assert.equal(info.startTime, undefined);
  const group = { applicationName: 'App', deploymentGroupName: 'empty' };
  await deploy.createDeploymentGroup({ ...group, serviceRoleArn: roleArn() });
  const revision = await fleet.bundle('empty.zip', { 'appspec.yml': 'version: 0.0\nos: linux\n' });
  const { deploymentId } = await deploy.createDeployment({ ...group, revision });
  assert.equal((await fleet.ended(deploymentId)).errorInformation?.code, 'NO_INSTANCES');
});

test('a service role that may not read the bundle is no obstacle, as with AWS, but the deployment says so', async () => {
  await fleet.iam.deleteRolePolicy({ RoleName: 'fleet-deploy', PolicyName: 'bundles' });
  const revision = await fleet.bundle('unpinned.zip', { 'appspec.yml': 'version: 0.0\nos: linux\n' });
  const deploymentId = await fleet.create(revision);
  const info = await until('the start', 10_000, async () => {
    const read = await fleet.read(deploymentId);
    return read.startTime === undefined ? undefined : read;
  });
  assert.equal(info.status, 'InProgress');
  assert.match(info.deploymentStatusMessages?.[0] ?? '', /could not be pinned/);
  assert.equal(info.revision?.s3Location?.eTag, undefined);
  await deploy.stopDeployment({ deploymentId });
  assert.equal((await fleet.ended(deploymentId)).status, 'Stopped');
});

test('who may not, may not: the group is the resource, and a role must be passed on', async () => {
  const statement = (Action: string, Resource: string) => ({ Effect: 'Allow', Action, Resource });
  const arn = (rest: string) => `arn:aws:codedeploy:us-east-1:${house.account}:${rest}`;
  await fleet.iam.createUser({ UserName: 'reader' });
  await fleet.iam.putUserPolicy({
    UserName: 'reader',
    PolicyName: 'own',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        statement('codedeploy:GetDeployment', arn('deploymentgroup:App/Group')),
        statement('codedeploy:CreateDeploymentGroup', '*'),
      ],
    }),
  });
  const { AccessKey: key } = await fleet.iam.createAccessKey({ UserName: 'reader' });
  const credentials = { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
  const reader = new Deploy.CodeDeploy({ endpoint: house.endpoint, region: house.region, credentials });
  const { deployments: [inGroup] = [] } = await deploy.listDeployments({
    applicationName: 'App',
    deploymentGroupName: 'Group',
  });
  const { deployments: [elsewhere] = [] } = await deploy.listDeployments({
    applicationName: 'App',
    deploymentGroupName: 'empty',
  });
  await reader.getDeployment({ deploymentId: inGroup });
  await fails(reader.getDeployment({ deploymentId: elsewhere }), 'AccessDeniedException', /GetDeployment/);
  await fails(
    reader.createDeploymentGroup({
      applicationName: 'App',
      deploymentGroupName: 'sneaky',
      serviceRoleArn: roleArn(),
    }),
    'AccessDeniedException',
    /iam:PassRole/,
  );
});

test('lists of more than a page come whole through paginators', async () => {
  for (let index = 0; index < 105; index++) {
    await deploy.createApplication({ applicationName: `many-${String(index).padStart(3, '0')}` });
  }
  const names: string[] = [];
  for await (const page of Deploy.paginateListApplications({ client: deploy }, {})) {
    names.push(...(page.applications ?? []));
  }
  assert.equal(names.filter((name) => name.startsWith('many-')).length, 105);
  assert.equal(new Set(names).size, names.length);
  await fails(deploy.listApplications({ nextToken: 'tampered' }), 'InvalidNextTokenException', /./);
});

test('boto3 and the AWS CLI read the same', { skip: botoSkip || cliSkip }, async () => {
  const [line] = await runBoto(
    house.endpoint,
    house.credentials,
    `attempt(lambda: client('codedeploy').get_application(applicationName='App'))`,
  );
  assert.match(JSON.stringify(line?.ok), /App/);
  const { code, stdout } = await runCli(
    house.endpoint,
    house.credentials,
    ...['deploy', 'get-deployment-group', '--application-name', 'App', '--deployment-group-name', 'Group'],
  );
  assert.equal(code, 0);
  const { deploymentGroupInfo } = JSON.parse(stdout) as { deploymentGroupInfo: { serviceRoleArn: string } };
  assert.equal(deploymentGroupInfo.serviceRoleArn, roleArn());
});

test('CodePipeline asks twice for one action and gets one deployment, also when the first has ended', async () => {
  const group = { applicationName: 'App', deploymentGroupName: 'empty' };
  const { Role: role } = await fleet.iam.createRole({
    RoleName: 'pipeline',
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'codepipeline.amazonaws.com' },
          Action: 'sts:AssumeRole',
        },
      ],
    }),
  });
  await fleet.iam.putRolePolicy({
    RoleName: 'pipeline',
    PolicyName: 'own',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'codedeploy:*', Resource: '*' }],
    }),
  });
  const pipeline = await house.slipway.house.assumeRole({
    service: 'codepipeline',
    roleArn: role?.Arn ?? '',
    sessionName: 'codepipeline-test',
  });
  const revision = await fleet.bundle('twice.zip', { 'appspec.yml': 'version: 0.0\nos: linux\n' });
  const ask = (description: string) =>
    pipeline.send('codedeploy:CreateDeployment', { ...group, revision, description });
  const first = await ask('codepipeline-action:1');
  await fleet.ended(first.deploymentId);
  assert.deepEqual(await ask('codepipeline-action:1'), first);
  const other = await ask('codepipeline-action:2');
  assert.notEqual(other.deploymentId, first.deploymentId);
  await fleet.ended(other.deploymentId);
  // The same words from a person are a wish for a new deployment.
  const { deploymentId } = await deploy.createDeployment({
    ...group,
    revision,
    description: 'codepipeline-action:1',
  });
  assert.notEqual(deploymentId, first.deploymentId);
});

test('aws deploy push, register and deregister work as they are', { skip: cliSkip }, async () => {
  // In a folder of its own: `register` writes the host's configuration into the present one.
  const cli = async (...parameters: string[]) => {
    const options = { cwd: directory, env: house.environment };
    const { stdout } = await promisify(execFile)('aws', ['deploy', ...parameters], options);
    return stdout;
  };
  const source = join(directory, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'appspec.yml'), 'version: 0.0\nos: linux\n');
  const at = ['--application-name', 'App', '--s3-location', 's3://fleet-bundles/pushed.zip'];
  const said = await cli('push', ...at, '--source', source);
  assert.match(said, /bundleType=zip,eTag=[0-9a-f]{32}/);
  const { revisions = [] } = await deploy.listApplicationRevisions({
    applicationName: 'App',
    s3Bucket: 'fleet-bundles',
    s3KeyPrefix: 'pushed',
  });
  assert.match(revisions[0]?.s3Location?.eTag ?? '', /^[0-9a-f]{32}$/);

  await cli(
    'register',
    '--instance-name',
    'by-cli',
    '--tags',
    'Key=Fleet,Value=other',
    '--region',
    'us-east-1',
  );
  const { instanceInfo } = await deploy.getOnPremisesInstance({ instanceName: 'by-cli' });
  assert.equal(instanceInfo?.iamUserArn, `arn:aws:iam::${house.account}:user/AWS/CodeDeploy/by-cli`);
  assert.deepEqual(instanceInfo?.tags, [{ Key: 'Fleet', Value: 'other' }]);
  await cli('deregister', '--instance-name', 'by-cli', '--region', 'us-east-1');
  const { instanceNames } = await deploy.listOnPremisesInstances({ registrationStatus: 'Registered' });
  assert.ok(!instanceNames?.includes('by-cli'));
});
