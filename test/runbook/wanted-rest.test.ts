import { describe, expect, it } from 'vitest'
import { readKubernetesYaml } from '../../src/config/yaml-text.ts'
import { RepositoryError } from '../../src/adapters/git/errors.ts'
import { wantedRest } from '../../src/runbook/cronjobs/wanted-rest.ts'
import { deploy, plan } from '../messages/example-runs.ts'
import { deploymentState, phaseContext, service } from './phase-context.ts'

const manifest = (words: string) => `
apiVersion: batch/v1
kind: CronJob
metadata: { name: retry }
spec:
  schedule: '5 3 * * *'
  ${words}
  jobTemplate: { spec: { template: { spec: { containers: [{ name: job, image: 'job:v1' }] } } } }
`

interface Facts {
  readonly plan?: boolean | 'older'
  readonly words?: string | Error
  readonly image?: string
  readonly revision?: string
  readonly configured?: string
}

function asked(facts: Facts) {
  const cronJob = {
    name: 'retry',
    manifest: 'k8s/retry.yaml',
    schedule: '5 3 * * *',
    outcome: 'created',
    differences: [],
  } as const
  const planned = typeof facts.plan === 'boolean' ? { ...cronJob, suspended: facts.plan } : cronJob
  const run = deploy({
    status: 'executing',
    plan: facts.plan === undefined ? undefined : { ...plan, cronJobs: [planned] },
  })
  const commits: string[] = []
  const context = phaseContext({
    run,
    service: {
      cronJobs: [{ name: facts.configured ?? 'retry', manifest: 'k8s/retry.yaml', tryOnce: false }],
      image: { ...service.image, repository: 'valuecanvas/api' },
    },
    records: {
      knownReleases: async () => [{ version: 'v1.1.0', migrations: [], image: 'valuecanvas/api@sha256:known' }],
    },
    world: {
      cluster: {
        deployment: async () => deploymentState({ image: facts.image ?? 'valuecanvas/api:v1.2.0' }),
        readManifest: async (text) => readKubernetesYaml(text),
      },
      registry: {
        resolve: async () => ({ digest: 'sha256:1', platforms: [], revision: facts.revision }),
      },
      repository: {
        tags: async () => [
          { name: 'v1.2.0', sha: 'a'.repeat(40), createdAt: '' },
          { name: 'v1.1.0', sha: 'b'.repeat(40), createdAt: '' },
        ],
        readAll: async (commit, wanted) => {
          commits.push(commit)
          const { words = '' } = facts
          if (words instanceof Error) throw words
          return wanted.map((one) => ({ ...one, text: manifest(words) }))
        },
      },
    },
  })
  return wantedRest(context, 'retry').then((wanted) => ({ wanted, commits }))
}

const gone = new RepositoryError('file_missing', 'reading k8s/retry.yaml at aaaaaaa: there is no such file')

describe('whether a CronJob is to rest', () => {
  it.each<[string, Facts, object, readonly string[]]>([
    ['the plan of a deploy says', { plan: true }, { known: true, suspended: true }, []],
    ['the plan of a deploy says that it is not', { plan: false }, { known: true, suspended: false }, []],
    [
      'the manifest of the planned commit says, where an older plan does not',
      { plan: 'older', words: 'suspend: yes' },
      { known: true, suspended: true },
      [plan.commit.sha],
    ],
    [
      'the manifest of the commit that the running image was built from says',
      { revision: 'c'.repeat(40), words: 'suspend: true' },
      { known: true, suspended: true },
      ['c'.repeat(40)],
    ],
    ['the manifest of the running tag says', {}, { known: true, suspended: false }, ['a'.repeat(40)]],
    [
      'the manifest of a release that is known by its image says',
      { image: 'valuecanvas/api@sha256:known', words: 'suspend: true' },
      { known: true, suspended: true },
      ['b'.repeat(40)],
    ],
    [
      'nobody knows, where the running image leads to no commit',
      { image: 'valuecanvas/api@sha256:other' },
      { known: false, why: 'it is unknown from which commit the running image was built' },
      [],
    ],
    [
      'nobody knows, where there is no manifest',
      { words: gone },
      { known: false, why: gone.message },
      ['a'.repeat(40)],
    ],
    [
      'nobody knows, where the manifest cannot be read',
      { words: 'suspend: "no"' },
      { known: false, why: 'reading k8s/retry.yaml: CronJob retry is not as the API wants it' },
      ['a'.repeat(40)],
    ],
    [
      'nobody knows, where it is not configured',
      { configured: 'other' },
      { known: false, why: 'it is not in purser.yaml' },
      [],
    ],
  ])('%s', async (_, facts, wanted, commits) => {
    expect(await asked(facts)).toEqual({ wanted, commits })
  })
})
