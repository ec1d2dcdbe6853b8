import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KubernetesSimulator, startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { readKubernetesYaml } from '../../src/config/yaml-text.ts'
import { readManifest } from '../../src/runbook/cronjobs/read-manifest.ts'
import { fakeRuntime } from './fake-runtime.ts'

/** kubectl itself says what a manifest file holds: Purser must read the same, or refuse what kubectl refuses. */

const run = promisify(execFile)
const present = spawnSync('kubectl', ['version', '--client']).status === 0
if (!present) console.log('kubectl is not installed: the tests that ask it are skipped')

const wanted = { file: 'k8s/retry.yaml', name: 'retry', namespace: 'production' }

interface Parts {
  readonly head?: string
  readonly metadata?: string
  readonly spec?: string
  readonly pod?: string
  readonly container?: string
}

/** A CronJob in block style; each part is put in as it is written. */
const cronJob = ({
  head = 'apiVersion: batch/v1\nkind: CronJob',
  metadata = '',
  spec = '',
  pod = '',
  container = '',
}: Parts = {}) =>
  `${head}
metadata:
  name: retry
${metadata}
spec:
  schedule: '*/5 * * * *'
${spec}
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
${pod}
          containers:
            - name: job
              image: job:v1
${container}
`

const indented = (text: string, by: string) => text.replaceAll(/^(?=.)/gm, by)
const item = (text: string) => indented(text.trim(), '    ').replace(/^ {4}/, '  - ')
const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: "1"\n'
const mode = (value: string) => `          volumes:
            - name: keys
              secret:
                secretName: stripe-credentials
                defaultMode: ${value}`

const alike: readonly [string, string][] = [
  ['plain', cronJob()],
  ['an octal mode', cronJob({ pod: mode('0400') })],
  ['an octal mode of YAML 1.2', cronJob({ pod: mode('0o400') })],
  ['a decimal mode', cronJob({ pod: mode('256') })],
  ['suspend: no', cronJob({ spec: '  suspend: no' })],
  ['suspend: on', cronJob({ spec: '  suspend: on' })],
  ['suspend: Off', cronJob({ spec: '  suspend: Off' })],
  ['suspend: y', cronJob({ spec: '  suspend: y' })],
  ['suspend: ~', cronJob({ spec: '  suspend: ~' })],
  [
    'numbers with underscores and bases',
    cronJob({ spec: '  startingDeadlineSeconds: 1_000\n  successfulJobsHistoryLimit: 0x2' }),
  ],
  ['a number that looks octal and is not', cronJob({ spec: '  startingDeadlineSeconds: 0800' })],
  ['times and dates as texts', cronJob({ metadata: '  annotations: { at: 2001-01-01, clock: 1:30 }' })],
  [
    'what a generator leaves behind',
    cronJob({ metadata: '  creationTimestamp: null', container: '              resources: {}' }),
  ],
  ['a last separator', `${cronJob()}---\n`],
  ['a first separator and comments', `# ours\n---\n# retry\n${cronJob()}---\n# nothing\n`],
  ['CRLF', cronJob().replaceAll('\n', '\r\n')],
  ['a BOM', `\uFEFF${cronJob()}`],
  ['its own namespace', cronJob({ metadata: '  namespace: production' })],
  [
    'merge keys',
    cronJob({
      metadata: '  labels: &labels { app: billing, tier: jobs }',
      spec: '  successfulJobsHistoryLimit: 3',
      container:
        '              env:\n                - &one { name: A, value: "1" }\n                - { <<: *one, name: B }',
    }).replace(
      '    spec:\n      template:\n',
      '    spec:\n      template:\n        metadata: { labels: { <<: *labels, tier: retry } }\n',
    ),
  ],
  ['aliases', cronJob({ metadata: '  labels: &labels { app: billing }\n  annotations: *labels' })],
  [
    'block and folded texts',
    cronJob({ metadata: '  annotations:\n    a: |\n      one\n      two\n    b: >-\n      one\n      two' }),
  ],
  [
    'JSON',
    JSON.stringify({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'retry' },
      spec: {
        schedule: '* * * * *',
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image: 'job:v1' }] } } },
        },
      },
    }),
  ],
  ['another document before it', `${settings}---\n${cronJob()}`],
  ['another document after it', `${cronJob()}---\n${settings}`],
  ['another CronJob beside it', `${cronJob().replace('name: retry', 'name: expire')}---\n${cronJob()}`],
  ['a List', `apiVersion: v1\nkind: List\nitems:\n${item(settings)}\n${item(cronJob())}\n`],
  ['a List with a document beside it', `apiVersion: v1\nkind: List\nitems:\n${item(cronJob())}\n---\n${settings}`],
  ['an explicit text', cronJob({ metadata: '  annotations: { mode: !!str 0400, quoted: "yes", tagged: !local x }' })],
]

const refused: readonly [string, string, RegExp][] = [
  ['batch/v1beta1', cronJob({ head: 'apiVersion: batch/v1beta1\nkind: CronJob' }), /use batch\/v1/],
  [
    'another namespace',
    cronJob({ metadata: '  namespace: staging' }),
    /the namespace from the manifest, staging, does not match/,
  ],
  [
    'a Helm template',
    cronJob({ spec: '  suspend: {{ .Values.suspend }}' }),
    /it is a Helm template \(\{\{ \}\}\), line 8/,
  ],
  [
    'a Helm template with a block',
    `{{- if .Values.retry.enabled }}\n${cronJob()}{{- end }}\n`,
    /it is a Helm template .* line 1/,
  ],
  ['a tab', cronJob({ spec: '\tsuspend: true' }), /isn't YAML that kubectl reads/],
  ['an unknown kind', cronJob({ head: 'apiVersion: batch/v1\nkind: CronJobs' }), /it has CronJobs retry/],
  ['no kind', cronJob({ head: 'apiVersion: batch/v1' }), /something without a kind/],
  ['no apiVersion', cronJob({ head: 'kind: CronJob' }), /has no apiVersion: use batch\/v1/],
  ['nothing', '# nothing yet\n', /it is empty/],
  ['an infinite number', cronJob({ spec: '  startingDeadlineSeconds: .inf' }), /isn't YAML that kubectl reads/],
]

type Objects = readonly { readonly kind: string; readonly metadata: { readonly name: string } }[]

describe.skipIf(!present)('a manifest file is read as kubectl reads it', () => {
  let cluster: KubernetesSimulator
  let home: string
  beforeAll(async () => {
    cluster = await startKubernetes({ runtime: fakeRuntime(), namespaces: ['production'], seed: [] })
    home = await mkdtemp(join(tmpdir(), 'purser-referee-'))
    await writeFile(join(home, 'config'), cluster.kubeconfig('production'))
  })
  afterAll(async () => {
    await cluster.close()
    await rm(home, { recursive: true })
  })

  async function kubectl(text: string): Promise<Objects> {
    await writeFile(join(home, 'file.yaml'), text)
    const env = { ...process.env, HOME: home, KUBECONFIG: join(home, 'config') }
    const argv = ['apply', '--dry-run=client', '-n', 'production', '-o', 'json', '-f', 'file.yaml']
    const { stdout } = await run('kubectl', argv, { env, cwd: home, timeout: 25_000 })
    const read = JSON.parse(stdout) as { readonly items?: Objects } & Objects[number]
    return read.items ?? [read]
  }

  it.each(alike)('%s', async (_, text) => {
    const theirs = await kubectl(text)
    const { cronJob: ours, others } = readManifest(text, readKubernetesYaml(text), wanted)
    expect(plain(ours)).toEqual(
      plain(theirs.find(({ kind, metadata }) => kind === 'CronJob' && metadata.name === 'retry')),
    )
    const rest = theirs.map(({ kind, metadata }) => `${kind} ${metadata.name}`).filter((one) => one !== 'CronJob retry')
    expect([...others].sort()).toEqual(rest.sort())
  })

  it.each(refused)('%s is refused by both', async (_, text, words) => {
    await expect(kubectl(text)).rejects.toThrow(/error|Error/)
    expect(() => readManifest(text, readKubernetesYaml(text), wanted)).toThrow(
      expect.objectContaining({ code: 'bad_manifest', message: expect.stringMatching(words) }),
    )
  })
})

/** Leaves out what kubectl adds itself, and fields without a value, which the API does not know. */
function plain(object: unknown): unknown {
  const { metadata, ...rest } = JSON.parse(JSON.stringify(object), (_key, value: unknown) => value ?? undefined) as {
    readonly metadata: Readonly<Record<string, unknown>>
  }
  const { annotations = {}, namespace: _, ...kept } = metadata
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...own } = annotations as Record<string, string>
  return { ...rest, metadata: { ...kept, ...(Object.keys(own).length === 0 ? {} : { annotations: own }) } }
}
