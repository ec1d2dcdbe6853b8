import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { fakeRuntime } from './fake-runtime.ts'

const run = promisify(execFile)
const present = spawnSync('kubectl', ['version', '--client']).status === 0
if (!present) console.log('kubectl is not installed: the tests that run it are skipped')

describe.skipIf(!present)("the runbook's kubectl commands, against the simulator", () => {
  let cluster: KubernetesSimulator
  let home: string

  beforeAll(async () => {
    cluster = await startKubernetes({ runtime: fakeRuntime(), namespaces: ['production'] })
    home = await mkdtemp(path.join(tmpdir(), 'purser-kubectl-'))
    await writeFile(path.join(home, 'config'), cluster.kubeconfig('production'))
    await writeFile(path.join(home, 'deployment.yaml'), DEPLOYMENT)
    await writeFile(path.join(home, 'cronjob.yaml'), CRON_JOB)
    await kubectl('apply', '-f', 'deployment.yaml')
    await kubectl('rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s')
  })
  afterAll(async () => {
    await cluster.close()
    await rm(home, { recursive: true })
  })

  const kubectl = async (...args: string[]) => {
    const env = { ...process.env, HOME: home, KUBECONFIG: path.join(home, 'config') }
    const { stdout } = await run('kubectl', args, { env, cwd: home, timeout: 25_000 })
    return stdout.trim()
  }

  it('sets an image, watches the rollout, shows its history and undoes it', async () => {
    await kubectl('set', 'image', 'deployment/valuecanvas-api', 'api=valuecanvas/api:v1.2.0')
    const rollout = ['rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s']
    expect(await kubectl(...rollout)).toContain('deployment "valuecanvas-api" successfully rolled out')
    expect(await kubectl('get', 'deployment', 'valuecanvas-api', '-o', 'wide')).toMatch(
      /3\/3 +3 +3 .* valuecanvas\/api:v1.2.0/,
    )
    expect(await kubectl('rollout', 'history', 'deployment/valuecanvas-api')).toMatch(/1 +<none>\n2 +<none>/)
    await kubectl('rollout', 'undo', 'deployment/valuecanvas-api')
    await kubectl(...rollout)
    const image = ['-o', 'jsonpath={.spec.template.spec.containers[0].image}']
    expect(await kubectl('get', 'deployment', 'valuecanvas-api', ...image)).toBe('valuecanvas/api:v1.1.0')
  })

  it('fails a rollout status by its exit code when the image cannot be pulled', async () => {
    await kubectl('set', 'image', 'deployment/valuecanvas-api', 'api=valuecanvas/api:missing')
    await expect(kubectl('rollout', 'status', 'deployment/valuecanvas-api', '--timeout=2s')).rejects.toMatchObject({
      stderr: expect.stringContaining('timed out waiting for the condition'),
    })
    expect(await kubectl('get', 'pods')).toMatch(/0\/1 +(ErrImagePull|ImagePullBackOff)/)
    await kubectl('rollout', 'undo', 'deployment/valuecanvas-api')
    await kubectl('rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s')
  })

  it('scales to nothing and back, and reads logs and events', async () => {
    await kubectl('scale', 'deployment', 'valuecanvas-api', '--replicas=0')
    await kubectl('wait', '--for=delete', 'pod', '-l', 'app=valuecanvas-api', '--timeout=20s')
    await kubectl('scale', 'deployment', 'valuecanvas-api', '--replicas=3')
    await kubectl('rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s')
    expect(await kubectl('logs', 'deployment/valuecanvas-api')).toContain('starts valuecanvas/api:v1.1.0')
    expect(await kubectl('describe', 'deployment', 'valuecanvas-api')).toContain('ScalingReplicaSet')
  })

  it('applies a CronJob twice, runs it by hand and deletes it with its jobs', async () => {
    expect(await kubectl('apply', '-f', 'cronjob.yaml')).toBe('cronjob.batch/webhook-retry created')
    expect(await kubectl('apply', '-f', 'cronjob.yaml')).toBe('cronjob.batch/webhook-retry unchanged')
    expect(await kubectl('get', 'cronjobs')).toMatch(/webhook-retry +\*\/5 \* \* \* \* +True +0 +<none>/)
    await kubectl('create', 'job', 'by-hand', '--from=cronjob/webhook-retry')
    await kubectl('wait', '--for=condition=complete', 'job/by-hand', '--timeout=20s')
    expect(await kubectl('logs', '-l', 'job-name=by-hand')).toContain('retried 3 webhooks')
    await kubectl('delete', 'cronjob', 'webhook-retry')
    await kubectl('wait', '--for=delete', 'job/by-hand', '--timeout=20s')
  })

  it('creates a Secret and answers what is allowed', async () => {
    await kubectl('create', 'secret', 'generic', 'plain', '--from-literal=key=value')
    expect(await kubectl('get', 'secret', 'plain', '-o', 'jsonpath={.data.key}')).toBe('dmFsdWU=')
    expect(await kubectl('auth', 'can-i', 'patch', 'deployments.apps')).toBe('yes')
  })

  it('patches one key of a Secret without touching its other keys', async () => {
    await writeFile(path.join(home, 'one.yaml'), secret('webhook-secret: b25l'))
    await kubectl('apply', '--server-side', '-f', 'one.yaml')
    await kubectl('patch', 'secret', 'stripe-credentials', '-p', '{"stringData":{"secret-key":"two"}}')
    const keys = cluster.read('Secret', 'production', 'stripe-credentials')?.data
    expect(keys).toEqual({ 'webhook-secret': 'b25l', 'secret-key': Buffer.from('two').toString('base64') })
  })
})

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: valuecanvas-api}
spec:
  replicas: 3
  selector: {matchLabels: {app: valuecanvas-api}}
  template:
    metadata: {labels: {app: valuecanvas-api}}
    spec:
      containers:
      - name: api
        image: valuecanvas/api:v1.1.0
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /health, port: 8080}}
`
const CRON_JOB = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: webhook-retry}
spec:
  schedule: "*/5 * * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: job, image: "valuecanvas/job:v1"}]
`
const secret = (data: string) => `
apiVersion: v1
kind: Secret
metadata: {name: stripe-credentials}
data: {${data}}
`
