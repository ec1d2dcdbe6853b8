import { describe, expect, it } from 'vitest'

import { consumersIn } from '../../src/adapters/kubernetes/secrets/consumers.ts'
import { platformRisk } from '../../src/runbook/plan/cluster-risks.ts'
import { imageBefore } from '../../src/runbook/rollout/rollout.ts'
import { deploymentState } from './phase-context.ts'

describe('the platform of the nodes', () => {
  it.each([
    ['fits', ['linux/amd64', 'linux/arm64/v8'], ['linux/amd64', 'linux/arm64'], []],
    [
      'fits some nodes',
      ['linux/amd64'],
      ['linux/amd64', 'linux/arm64'],
      [expect.stringContaining('linux/arm64 nodes')],
    ],
    [
      'may not be looked at',
      ['linux/amd64'],
      'unknown' as const,
      [expect.stringContaining("isn't allowed to list nodes")],
    ],
    ['is nowhere, because there are no nodes', ['linux/amd64'], [], [expect.stringContaining('no nodes')]],
    ['is not told by the image', [], ['linux/amd64'], []],
  ])('%s', (_, image, nodes, risks) => {
    expect(platformRisk(image, nodes)).toEqual(risks)
  })

  it('stops the plan when no node can run the image', () => {
    expect(() => platformRisk(['linux/arm64'], ['linux/amd64'])).toThrow(
      'the image is for linux/arm64, the nodes are linux/amd64',
    )
  })
})

describe('what a rollback goes back to', () => {
  const running = { name: 'api-2', uid: '2' }
  const deployment = deploymentState({ image: 'api:broken', replicaSet: running, templateHash: 'hash' })

  it('is what ran, when that had been rolled out completely', () => {
    const lastHealthy = { revision: '2', replicaSet: running, image: 'api:broken' }
    expect(imageBefore({ ...deployment, lastHealthy }, 'v2')).toMatchObject({ replicaSet: running, version: 'v2' })
  })

  it('is never a revision that failed, but the one whose pods served beside it', () => {
    const before = { name: 'api-1', uid: '1' }
    const lastHealthy = { revision: '1', replicaSet: before, image: 'api:v1' }
    expect(imageBefore({ ...deployment, lastHealthy }, 'v2')).toEqual({
      image: 'api:v1',
      replicaSet: before,
      templateHash: 'hash',
      version: null,
      proven: true,
    })
  })
})

describe('who reads a Secret', () => {
  it('is found in variables, whole environments, volumes, projections and sub-paths', () => {
    const pod = {
      containers: [
        { name: 'api', env: [{ valueFrom: { secretKeyRef: { name: 'stripe' } } }] },
        {
          name: 'proxy',
          envFrom: [{ secretRef: { name: 'stripe' } }],
          volumeMounts: [{ name: 'one', subPath: 'key' }],
        },
        { name: 'stranger', env: [{ valueFrom: { secretKeyRef: { name: 'database' } } }] },
      ],
      volumes: [
        { name: 'keys', secret: { secretName: 'stripe' } },
        { name: 'one', projected: { sources: [{ secret: { name: 'stripe' } }] } },
        { name: 'other', secret: { secretName: 'database' } },
      ],
    }
    expect(consumersIn('Deployment api', pod, 'stripe').map(({ by, how }) => `${by}: ${how}`)).toEqual([
      'container api: env',
      'container proxy: envFrom',
      'volume keys: volume',
      'volume one: subPath',
    ])
  })
})
