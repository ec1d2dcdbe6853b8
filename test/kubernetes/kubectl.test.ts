import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { fakeRuntime } from './fake-runtime.ts'

const run = promisify(execFile)
const version = spawnSync('kubectl', ['version', '--client', '-o', 'json']).stdout?.toString() ?? ''
const minor = Number(/"minor": "(\d+)/.exec(version)?.[1] ?? 0)
const present = minor > 0
/** Before 1.21 kubectl knows CronJobs of batch/v1beta1 only, which servers since 1.25 do not serve. */
const knowsCronJobs = minor >= 21
if (!present) console.log('kubectl is not installed: the tests that run it are skipped')

/** The runbook itself, where the workspace has it. */
const runbook = fileURLToPath(new URL('../../../shared/runbook.md', import.meta.url))

describe.skipIf(!present)('kubectl, against the simulator', () => {
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

  /** What `kubectl create job --from=cronjob/webhook-retry` does. */
  const createJob = async (name: string) => {
    if (knowsCronJobs) return kubectl('create', 'job', name, '--from=cronjob/webhook-retry')
    const cronJob = cluster.read('CronJob', 'production', 'webhook-retry') as unknown as {
      metadata: { uid: string }
      spec: { jobTemplate: { spec: object } }
    }
    const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'webhook-retry', uid: cronJob.metadata.uid }
    const metadata = { name, ownerReferences: [{ ...owner, controller: true }] }
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: cronJob.spec.jobTemplate.spec }
    await writeFile(path.join(home, 'job.json'), JSON.stringify(job))
    return kubectl('create', '-f', 'job.json')
  }

  it('gives the expected output for every command of the runbook (items 14, 23, 32, 36–38)', async () => {
    await mkdir(path.join(home, 'k8s/cronjobs'), { recursive: true })
    await writeFile(path.join(home, 'k8s/cronjobs/webhook-retry.yaml'), CRON_JOB.replace('suspend: true', ''))
    const env = { ...process.env, HOME: home, KUBECONFIG: path.join(home, 'config') }
    for (const [command, expected] of RUNBOOK) {
      const beyond = !knowsCronJobs && /^kubectl (create job|describe cronjob)/.test(command)
      if (beyond && command.startsWith('kubectl create job')) await createJob('webhook-retry-manual')
      const typed = command.replace('webhook-retry-<timestamp>', 'webhook-retry-manual')
      // What a person ends with ^C.
      const ended = typed.startsWith('kubectl logs -f') ? `timeout 3 ${typed} || true` : typed
      const { stdout, stderr } = beyond
        ? { stdout: '', stderr: '' }
        : await run('bash', ['-c', ended], { env, cwd: home, timeout: 25_000 })
      if (!beyond) expect(stdout + stderr, command).toMatch(expected)
      if (command.startsWith('kubectl create job'))
        await kubectl('wait', '--for=condition=complete', 'job/webhook-retry-manual', '--timeout=20s')
    }
    expect(cluster.list('CronJob', 'production')).toEqual([])
  }, 60_000)

  it.skipIf(!existsSync(runbook))('knows every kubectl command that the runbook has', () => {
    const text = readFileSync(runbook, 'utf8').replaceAll('\\\n', '')
    const typed = text.split('\n').filter((line) => line.startsWith('kubectl '))
    const known = RUNBOOK.map(([command]) => command.replace(' || true', ''))
    expect(typed.length).toBeGreaterThan(15)
    for (const line of typed) expect(known).toContain(line.trim().replaceAll(/\s+/g, ' '))
  })

  it('sets an image, watches the rollout, shows its history and undoes it', async () => {
    await kubectl('set', 'image', 'deployment/valuecanvas-api', 'api=valuecanvas/api:v1.2.0')
    const rollout = ['rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s']
    expect(await kubectl(...rollout)).toContain('deployment "valuecanvas-api" successfully rolled out')
    expect(await kubectl('get', 'deployment', 'valuecanvas-api', '-o', 'wide')).toMatch(
      /3\/3 +3 +3 .* valuecanvas\/api:v1.2.0/,
    )
    expect(await kubectl('rollout', 'history', 'deployment/valuecanvas-api')).toMatch(/\d+ +<none>\n\d+ +<none>/)
    await kubectl('rollout', 'undo', 'deployment/valuecanvas-api')
    await kubectl(...rollout)
    const image = ['-o', 'jsonpath={.spec.template.spec.containers[0].image}']
    expect(await kubectl('get', 'deployment', 'valuecanvas-api', ...image)).toBe('valuecanvas/api:v1.1.0')
  })

  it('refuses what a real one refuses, by kubectl itself (item 12)', async () => {
    const refusal = (...args: string[]) =>
      kubectl(...args).then(
        () => 'nothing',
        (error: { stderr: string; code: number }) => `exit ${error.code}: ${error.stderr.trim()}`,
      )
    const target = 'deployment/valuecanvas-api'
    expect(await refusal('rollout', 'undo', target, '--to-revision=99')).toBe(
      'exit 1: error: unable to find specified revision 99 in history',
    )
    await kubectl('rollout', 'pause', target)
    expect(await refusal('rollout', 'pause', target)).toContain('is already paused')
    expect(await refusal('rollout', 'undo', target)).toContain('cannot rollback a paused deployment')
    expect(await refusal('rollout', 'restart', target)).toContain("can't restart paused deployment")
    await kubectl('rollout', 'resume', target)
    expect(await refusal('rollout', 'resume', target)).toContain('is not paused')
    expect(await refusal('set', 'image', target, 'nobody=valuecanvas/api:v1')).toContain('unable to find container')
    expect(await refusal('get', 'deployment', 'missing')).toBe(
      'exit 1: Error from server (NotFound): deployments.apps "missing" not found',
    )
  })

  it('applies the Role that Purser needs and answers as that ServiceAccount (items 27, 28)', async () => {
    const manifests = fileURLToPath(new URL('../../deploy/rbac.yaml', import.meta.url))
    await kubectl('create', 'namespace', 'purser')
    expect(await kubectl('apply', '-f', manifests)).toContain('role.rbac.authorization.k8s.io/purser created')
    const as = '--as=system:serviceaccount:purser:purser'
    expect(await kubectl('auth', 'can-i', 'patch', 'deployment/valuecanvas-api', as)).toBe('yes')
    expect(await kubectl('auth', 'can-i', '--list', as)).toMatch(
      /deployments\.apps +\[\] +\[valuecanvas-api\] +\[get patch list watch\]/,
    )
    await expect(kubectl('get', 'secrets', as)).rejects.toMatchObject({
      stderr: expect.stringContaining('User "system:serviceaccount:purser:purser" cannot list resource "secrets"'),
    })
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
    // An older kubectl takes it for an error that there is nothing left to wait for.
    await kubectl('wait', '--for=delete', 'pod', '-l', 'app=valuecanvas-api', '--timeout=20s').catch((error: Error) =>
      expect(error.message).toContain('no matching resources found'),
    )
    await kubectl('scale', 'deployment', 'valuecanvas-api', '--replicas=3')
    await kubectl('rollout', 'status', 'deployment/valuecanvas-api', '--timeout=20s')
    expect(await kubectl('logs', 'deployment/valuecanvas-api')).toContain('starts valuecanvas/api:v1.1.0')
    expect(await kubectl('describe', 'deployment', 'valuecanvas-api')).toContain('ScalingReplicaSet')
  })

  it('applies a CronJob twice, runs it by hand and deletes it with its jobs', async () => {
    expect(await kubectl('apply', '-f', 'cronjob.yaml')).toBe('cronjob.batch/webhook-retry created')
    expect(await kubectl('apply', '-f', 'cronjob.yaml')).toBe(
      `cronjob.batch/webhook-retry ${knowsCronJobs ? 'unchanged' : 'configured'}`,
    )
    expect(await kubectl('get', 'cronjobs')).toMatch(/webhook-retry +\*\/5 \* \* \* \* +True +0 +<none>/)
    await createJob('by-hand')
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

/** In an order that makes sense of them; each with what it prints. */
const RUNBOOK: readonly (readonly [command: string, expected: RegExp])[] = [
  [
    'kubectl set image deployment/valuecanvas-api api=valuecanvas/api:v1.2.0 -n production',
    /^deployment.apps\/valuecanvas-api image updated\n$/,
  ],
  [
    'kubectl rollout status deployment/valuecanvas-api -n production',
    /^(Waiting for deployment .*\n)*deployment "valuecanvas-api" successfully rolled out\n$/,
  ],
  [
    'kubectl create secret generic stripe-credentials --from-literal=webhook-secret=whsec_... --dry-run=client -o yaml | kubectl apply -f - -n production',
    /^secret\/stripe-credentials created\n$/,
  ],
  [
    'kubectl create secret generic stripe-credentials --from-literal=webhook-secret=whsec_... --dry-run=client -o yaml | kubectl apply -f - -n production',
    /^secret\/stripe-credentials configured\n$/,
  ],
  [
    'kubectl get secret stripe-credentials -n production -o yaml',
    /^apiVersion: v1\ndata:\n {2}webhook-secret: d2hzZWNfLi4u\nkind: Secret\n[^]*type: Opaque\n$/,
  ],
  ['kubectl apply -f k8s/cronjobs/webhook-retry.yaml -n production', /^cronjob.batch\/webhook-retry created\n$/],
  [
    'kubectl get cronjobs -n production',
    /^NAME +SCHEDULE +(TIMEZONE +)?SUSPEND +ACTIVE +LAST SCHEDULE +AGE\nwebhook-retry +\*\/5 \* \* \* \* .*False/,
  ],
  [
    'kubectl create job webhook-retry-manual --from=cronjob/webhook-retry -n production',
    /^job.batch\/webhook-retry-manual created\n$/,
  ],
  ['kubectl get jobs -n production | grep webhook-retry', /^webhook-retry-manual +(Complete +)?1\/1 /m],
  ['kubectl logs -l job-name=webhook-retry-<timestamp> -n production', /retried 3 webhooks\n$/],
  [
    'kubectl describe cronjob webhook-retry -n production',
    /^Name: +webhook-retry\nNamespace: +production\n[^]*Schedule: +\*\/5[^]*UnexpectedJob/,
  ],
  ['kubectl logs -f deployment/valuecanvas-api -n production | grep -i billing', /billing webhook route ready/],
  ['kubectl logs deployment/valuecanvas-api -n production | grep webhook', /billing webhook route ready/],
  ['kubectl logs deployment/valuecanvas-api -n production | grep PlanEnforcement', /PlanEnforcement/],
  ['kubectl rollout undo deployment/valuecanvas-api -n production', /^deployment.apps\/valuecanvas-api rolled back\n$/],
  ['kubectl rollout status deployment/valuecanvas-api -n production', /successfully rolled out\n$/],
  ['kubectl delete cronjob webhook-retry -n production', /^cronjob.batch "webhook-retry" deleted/],
  [
    'kubectl delete cronjob grace-period-cleanup -n production || true',
    /\(NotFound\): cronjobs.batch "grace-period-cleanup" not found/,
  ],
  [
    'kubectl scale deployment valuecanvas-api --replicas=0 -n production',
    /^deployment.apps\/valuecanvas-api scaled\n$/,
  ],
  [
    'kubectl scale deployment valuecanvas-api --replicas=3 -n production',
    /^deployment.apps\/valuecanvas-api scaled\n$/,
  ],
  ['kubectl rollout status deployment/valuecanvas-api -n production', /successfully rolled out\n$/],
]

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
