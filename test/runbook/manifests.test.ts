import { describe, expect, it } from 'vitest'
import { readKubernetesYaml } from '../../src/config/yaml-text.ts'
import { cronJobManifest as taken, suspended } from '../../src/runbook/cronjobs/manifests.ts'

const image = `valuecanvas/api@sha256:${'4f'.repeat(32)}`
const release = {
  file: 'k8s/cronjobs/webhook-retry.yaml',
  name: 'webhook-retry',
  namespace: 'production',
  repository: 'valuecanvas/api',
  image,
}

const manifest = `
apiVersion: batch/v1
kind: CronJob
metadata:
  name: webhook-retry
  labels: { app: billing }
spec:
  schedule: '*/5 * * * *'
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 2
      template:
        spec:
          restartPolicy: Never
          initContainers:
            - { name: wait, image: 'valuecanvas/api:latest', args: [wait] }
          containers:
            - name: retry
              image: valuecanvas/api:latest
              args: [retry]
            - name: proxy
              image: envoyproxy/envoy:v1.30
`

const cronJobManifest = (text: string, of: typeof release) => taken(text, readKubernetesYaml(text), of)

const podOf = (object: object) =>
  (object as { spec: { jobTemplate: { spec: { template: { spec: Record<string, unknown> } } } } }).spec.jobTemplate.spec
    .template.spec

describe('a CronJob of the repository', () => {
  it("gets the environment's namespace and the planned digest; everything else stays as written", () => {
    const { object, schedule } = cronJobManifest(manifest, release)
    expect(schedule).toBe('*/5 * * * *')
    expect(object).toMatchObject({
      apiVersion: 'batch/v1',
      metadata: { name: 'webhook-retry', namespace: 'production', labels: { app: 'billing' } },
      spec: { concurrencyPolicy: 'Forbid', suspend: false, jobTemplate: { spec: { backoffLimit: 2 } } },
    })
    expect(podOf(object)).toEqual({
      restartPolicy: 'Never',
      initContainers: [{ name: 'wait', image, args: ['wait'] }],
      containers: [
        { name: 'retry', image, args: ['retry'] },
        { name: 'proxy', image: 'envoyproxy/envoy:v1.30' },
      ],
    })
  })

  it.each([
    ['suspend: true', true],
    ['suspend: on', true],
    ['suspend: no', false],
    ['suspend: ~', false],
  ])('that says %s stays so', (words, suspend) => {
    const read = cronJobManifest(manifest.replace('concurrencyPolicy: Forbid', words), release)
    expect(read.object).toMatchObject({ spec: { suspend } })
    expect(read.suspended).toBe(suspend)
  })

  it('that tells a tool by braces what to do is no template', () => {
    const told = manifest.replace('args: [retry]', "args: ['--format={{.Name}}', '$(DATABASE_URL)', '${HOME}']")
    expect(podOf(cronJobManifest(told, release).object)).toMatchObject({
      containers: [{ args: ['--format={{.Name}}', '$(DATABASE_URL)', '${HOME}'] }, {}],
    })
  })

  it('is found beside others, and what is left out is told', () => {
    const others = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\n---\nkind: Secret\n'
    expect(cronJobManifest(`${others}---\n${manifest}---\n`, release)).toMatchObject({
      schedule: '*/5 * * * *',
      others: ['ConfigMap settings', 'Secret without a name'],
    })
  })

  it('can be held and let go', () => {
    const { object } = cronJobManifest(manifest, release)
    expect(suspended(object, true)).toMatchObject({ spec: { suspend: true, schedule: '*/5 * * * *' } })
    expect(suspended(suspended(object, true), false)).toEqual(object)
  })

  it.each([
    ['is empty', ''],
    ['is no YAML', 'kind: CronJob\n  spec: ['],
    ['holds it twice', `${manifest}\n---\n${manifest}`],
    ['is a list', '- kind: CronJob'],
    ['is something else', manifest.replace('kind: CronJob', 'kind: Job')],
    ['is another CronJob', manifest.replace('name: webhook-retry', 'name: grace-period-cleanup')],
    ['has no metadata', manifest.replace(/metadata:[\s\S]*?spec:/, 'spec:')],
    ['has no schedule', manifest.replace(/schedule: .*/, '')],
    ['has no containers', manifest.replace(/ {10}containers:[\s\S]*/, '')],
    ['has a container without image', manifest.replace('image: envoyproxy/envoy:v1.30', 'command: [x]')],
    ['is of an API that is gone', manifest.replace('batch/v1', 'batch/v1beta1')],
    ['is of another place', manifest.replace('metadata:', 'metadata:\n  namespace: staging')],
    ['is a Helm template', manifest.replace('Forbid', '{{ .Values.policy }}')],
    ['is a Jinja template', manifest.replace('Forbid', '{% if a %}Forbid{% endif %}')],
    ['is still to be filled in', manifest.replace('envoy:v1.30', 'envoy:${TAG}')],
    ['has a text for a truth', manifest.replace('concurrencyPolicy: Forbid', 'suspend: "no"')],
  ])('is refused by name when its file %s', (_, text) => {
    expect(() => cronJobManifest(text, release)).toThrow(
      expect.objectContaining({ code: 'bad_manifest', message: expect.stringContaining(release.file) }),
    )
  })
})

describe('which containers get the image of the release', () => {
  it.each([
    ['docker.io/valuecanvas/api:latest', ['wait', 'retry']],
    ['index.docker.io/valuecanvas/api', ['wait', 'retry']],
    ['docker.io:443/valuecanvas/api:v1', ['wait', 'retry']],
    [`valuecanvas/api:v1@sha256:${'0'.repeat(64)}`, ['wait', 'retry']],
    ['valuecanvas/api-jobs:latest', []],
    ['ghcr.io/valuecanvas/api:latest', []],
    ['api:latest', []],
  ])('when they are written %s: %j', (written, tied) => {
    const made = cronJobManifest(manifest.replaceAll('valuecanvas/api:latest', written), release)
    expect([...made.tied].sort()).toEqual([...tied].sort())
    const { containers, initContainers } = podOf(made.object) as Record<string, { name: string; image: string }[]>
    const replaced = [...(containers ?? []), ...(initContainers ?? [])].filter((one) => one.image === image)
    expect(replaced.map(({ name }) => name).sort()).toEqual([...tied].sort())
    expect(made.images).toEqual([written, 'envoyproxy/envoy:v1.30', written])
  })

  it('by a repository that is written otherwise in purser.yaml', () => {
    const { tied } = cronJobManifest(manifest, { ...release, repository: 'docker.io/valuecanvas/api' })
    expect(tied).toEqual(['retry', 'wait'])
  })
})
