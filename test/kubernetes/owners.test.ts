import { describe, expect, it } from 'vitest'
import { ClusterError } from '../../src/adapters/kubernetes/api/errors.ts'
import type { ApiObject } from '../../src/adapters/kubernetes/api/objects.ts'
import { claimsOn } from '../../src/adapters/kubernetes/owners/claims.ts'
import { conflictsIn, fieldsTaken, ownersOf } from '../../src/adapters/kubernetes/owners/field-owners.ts'
import { givingUp } from '../../src/adapters/kubernetes/owners/giving-up.ts'
import { fieldOwner, secretOwner } from '../../src/adapters/kubernetes/owners/known-managers.ts'
import { leftOver } from '../../src/adapters/kubernetes/owners/left-over.ts'

describe('who has set a field', () => {
  it.each([
    'kubectl',
    'kubectl.exe',
    'kubectl-client-side-apply',
    'kubectl-create',
    'kubectl-patch',
    'kubectl-edit',
    'kubectl-set',
    'kubectl-replace',
    'kubectl-label',
    'kubectl-annotate',
    'kubectl-rollout',
    'kubectl-autoscale',
    'oc',
    'oc-patch',
    'k9s',
    'Lens',
    'node-fetch',
    'Mozilla',
    'GoogleCloudConsole',
    'dashboard',
    'curl',
    'HTTPie',
    'PostmanRuntime',
    'unknown',
    'before-first-apply',
  ])('%s is a person with a tool', (manager) => {
    expect(fieldOwner(manager, [])).toMatchObject({ byHand: true })
  })

  it.each([
    ['argocd-controller', /next sync/],
    ['argocd-application-controller', /next sync/],
    ['argocd-server', /next sync/],
    ['kustomize-controller', /next reconciliation/],
    ['helm-controller', /next reconciliation/],
    ['flux-client-side-apply', /next reconciliation/],
    ['fleetagent', /next reconciliation/],
    ['helm', /helm upgrade/],
    ['Helm', /helm upgrade/],
    ['terraform-provider-helm', /helm upgrade/],
    ['Terraform', /run the next time/],
    ['HashiCorp', /run the next time/],
    ['pulumi-kubernetes', /run the next time/],
    ['kapp', /run the next time/],
    ['horizontal-pod-autoscaler', /by load/],
    ['vpa-updater', /by load/],
    ['keda-operator', /by load/],
    ['external-secrets', /next refresh/],
    ['externalsecrets.external-secrets.io', /next refresh/],
    ['sealed-secrets-controller', /next refresh/],
    ['kube-controller-manager', /part of the cluster/],
    ['platform-team', /may put its own value back/],
    ['OpenAPI-Generator', /may put its own value back/],
    ['kubectl-rollout-controller', /may put its own value back/],
    ['occonfig', /may put its own value back/],
    ['curler', /may put its own value back/],
    ['', /may put its own value back/],
  ])('%s comes back by itself', (manager, habit) => {
    expect(fieldOwner(manager, [])).toMatchObject({ byHand: false, habit: expect.stringMatching(habit) })
  })
})

describe('who has set a key of a Secret', () => {
  it.each(['python-requests', 'OpenAPI-Generator', 'my-deploy-script', 'axios', 'Go-http-client', 'ci-runner'])(
    '%s is a script: it wrote once, and may when it is run again',
    (manager) => {
      const owner = secretOwner(manager, ['data.key'], false)
      expect(owner).toMatchObject({ byHand: true, script: true, habit: expect.stringMatching(/if it is run again/) })
      expect(secretOwner(manager, ['data.key'], true)).toMatchObject({ byHand: false })
      expect(fieldOwner(manager, ['data.key'])).toMatchObject({ byHand: false })
    },
  )

  it.each([
    'billing-operator',
    'secret-sync',
    'replicator',
    'platform-controller',
    'external-secrets',
    'terraform',
    '',
  ])('%s comes back by itself', (manager) => expect(secretOwner(manager, [], false)).toMatchObject({ byHand: false }))

  it.each(['kubectl-create', 'node-fetch', 'curl'])('%s is a person with a tool, and no script', (manager) =>
    expect(secretOwner(manager, [], true)).toEqual(fieldOwner(manager, [])),
  )
})

function conflict(causes: readonly (readonly [field: string, message: string])[]): ClusterError {
  const evidence = causes.map(([field, message]) => `${field}: ${message}`)
  return new ClusterError('cluster_conflict', 'applying', { status: 409, reason: 'Conflict', evidence })
}

describe("a server's refusal of an apply", () => {
  it.each<[string, readonly (readonly [string, string])[], readonly object[]]>([
    [
      'names an apply',
      [['.data.webhook-secret', 'conflict with "runbook-bot"']],
      [{ manager: 'runbook-bot', fields: ['data.webhook-secret'] }],
    ],
    [
      'names a patch with its version',
      [['.spec.suspend', 'conflict with "kubectl-patch" using batch/v1']],
      [{ manager: 'kubectl-patch', fields: ['spec.suspend'] }],
    ],
    [
      'names a subresource and a time',
      [['.spec.replicas', 'conflict with "kubectl" with subresource "scale" using apps/v1 at 2026-11-22T07:52:21Z']],
      [{ manager: 'kubectl', fields: ['spec.replicas'] }],
    ],
    [
      'names several fields and managers',
      [
        ['.spec.schedule', 'conflict with "kubectl-edit" using batch/v1'],
        ['.spec.suspend', 'conflict with "argocd-controller" using batch/v1'],
        [
          '.spec.jobTemplate.spec.template.spec.containers[name="job"].image',
          'conflict with "kubectl-edit" using batch/v1',
        ],
      ],
      [
        { manager: 'argocd-controller', fields: ['spec.suspend'] },
        {
          manager: 'kubectl-edit',
          fields: ['spec.jobTemplate.spec.template.spec.containers[job].image', 'spec.schedule'],
        },
      ],
    ],
    ['names Purser alone, by another way of writing', [['.spec.suspend', 'conflict with "purser" using batch/v1']], []],
    [
      'names a manager with a quote in its name',
      [['.spec.suspend', String.raw`conflict with "a \"b\" c" using batch/v1`]],
      [{ manager: String.raw`a \"b\" c` }],
    ],
  ])('%s', (_, causes, owners) => {
    expect(conflictsIn(conflict(causes))).toMatchObject(owners)
    expect(conflictsIn(conflict(causes))).toHaveLength(owners.length)
  })

  it.each([
    ['a version that is no longer the present one', conflict([])],
    ['a name that exists', new ClusterError('cluster_conflict', 'x', { status: 409, reason: 'AlreadyExists' })],
    ['another error', new Error('conflict with "x"')],
  ])('is no conflict of managers: %s', (_, error) => {
    expect(conflictsIn(error)).toBeUndefined()
  })
})

const object = (managedFields: readonly object[], more: object = {}): ApiObject => ({
  metadata: { name: 'x', uid: '1', resourceVersion: '1', managedFields, ...more },
})
const image = { 'f:spec': { 'f:containers': { 'k:{"name":"api"}': { '.': {}, 'f:image': {} } } } }

describe('the record of managers', () => {
  it('tells who loses what by a write', () => {
    const kept = { manager: 'argocd-controller', operation: 'Update', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }
    const before = object([{ manager: 'argocd-controller', operation: 'Apply', fieldsV1: image }, kept])
    const after = object([{ manager: 'purser', operation: 'Update', fieldsV1: image }, kept])
    expect(fieldsTaken(before, after)).toMatchObject([
      { manager: 'argocd-controller', fields: ['spec.containers[api].image'], byHand: false },
    ])
    expect(fieldsTaken(after, before)).toEqual([])
    expect(fieldsTaken(before, before)).toEqual([])
    expect(fieldsTaken(object([]), after)).toEqual([])
  })

  it('tells who has set a field, or a part of it', () => {
    const ports = { 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { 'f:name': {} } } }
    const seen = object([
      { manager: 'kubectl-set', operation: 'Update', fieldsV1: image },
      { manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': ports } },
    ])
    const named = (field: string) => ownersOf(seen, [field]).map(({ manager }) => manager)
    expect(named('spec.containers[api].image')).toEqual(['kubectl-set'])
    expect(named('spec.containers[api]')).toEqual(['kubectl-set'])
    expect(named('spec.containers[apis].image')).toEqual([])
    expect(named('spec.ports[containerPort=80,protocol=TCP].name')).toEqual(['helm'])
    expect(named('spec')).toEqual(['helm', 'kubectl-set'])
  })

  it.each<[string, object, readonly string[]]>([
    ['nobody', {}, []],
    [
      'Argo CD by its annotation',
      { annotations: { 'argocd.argoproj.io/tracking-id': 'billing:apps/Deployment:production/api' } },
      ['Argo CD (billing)'],
    ],
    ['Argo CD by its label', { labels: { 'argocd.argoproj.io/instance': 'billing' } }, ['Argo CD (billing)']],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }, ['Flux (apps)']],
    [
      'nobody where Flux was told to leave it',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' },
        annotations: { 'kustomize.toolkit.fluxcd.io/reconcile': 'disabled' },
      },
      [],
    ],
    [
      "Flux's Helm release, once",
      {
        labels: { 'helm.toolkit.fluxcd.io/name': 'billing' },
        annotations: { 'meta.helm.sh/release-name': 'billing' },
      },
      ['Flux (billing)'],
    ],
    ['Helm', { annotations: { 'meta.helm.sh/release-name': 'billing' } }, ['Helm (billing)']],
    [
      'its controller',
      { ownerReferences: [{ uid: 'u', kind: 'ExternalSecret', name: 'stripe', controller: true }] },
      ['ExternalSecret stripe'],
    ],
    [
      'nobody, when it is only cleaned up with another',
      { ownerReferences: [{ uid: 'u', kind: 'Job', name: 'x' }] },
      [],
    ],
  ])('an object belongs to %s', (_, metadata, owners) => {
    expect(claimsOn(object([], metadata)).map(({ by }) => by)).toEqual(owners)
  })
})

describe('what a former kubectl apply has left', () => {
  const applied = (spec: object, live: object = spec) => ({
    ...object([], {
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec }) },
    }),
    spec: live,
  })
  const manifest = (spec: object) => ({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'x' }, spec })
  const env = (...names: readonly string[]) => ({ env: names.map((name) => ({ name, value: '1' })) })

  it.each<[string, ApiObject, object, readonly string[]]>([
    ['nothing, when the manifest has all of it', applied({ suspend: false }), { suspend: true }, []],
    ['a field', applied({ timeZone: 'Europe/Paris' }), {}, ['spec.timeZone']],
    ['an entry of a list', applied(env('OLD', 'KEPT')), env('KEPT'), ['spec.env[OLD]']],
    ['nothing that is gone already', applied({ timeZone: 'Europe/Paris' }, {}), {}, []],
    [
      'nothing, where kubectl never applied',
      { ...object([]), ...applied({ timeZone: 'x' }), metadata: object([]).metadata },
      {},
      [],
    ],
    [
      'nothing, where its copy cannot be read',
      object([], { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{' } }),
      {},
      [],
    ],
  ])('is %s', (_, before, spec, fields) => {
    expect(leftOver(before, manifest(spec))).toEqual(fields)
  })
})

it('no name that somebody chose for a manager gets into a command', () => {
  const where = {
    namespace: 'production',
    manifest: { apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'x' } },
  }
  const hostile = "x'; rm -rf ~; '"
  expect(givingUp(object([{ manager: hostile, operation: 'Update' }]), hostile, where)).toEqual({})
  expect(givingUp(object([{ manager: 'helm', operation: 'Update' }]), 'helm', where).giveUp).toBe(
    `kubectl -n production patch cronjob x --type=json -p='[{"op":"test","path":"/metadata/managedFields/0/manager","value":"helm"},{"op":"remove","path":"/metadata/managedFields/0"}]'`,
  )
})
