import { createHash } from 'node:crypto'
import type { TestWorld } from './test-world.ts'
import { deployment, namespace } from '../../sandbox/world.ts'

/** What a rollback must put back, as the outside shows it. */
export interface WorldSnapshot {
  readonly image: string
  readonly endpoints: readonly { readonly url: string; readonly status: string; readonly events: number }[]
  /** SHA-256 of the Secret's value; undefined without Secret or key. */
  readonly secret: string | undefined
  readonly secretKeys: readonly string[]
  readonly cronJobs: readonly string[]
}

export function snapshotOf({ sandbox }: TestWorld): WorldSnapshot {
  const template = sandbox.kubernetes.read('Deployment', namespace, deployment)?.['spec'] as {
    template: { spec: { containers: { image: string }[] } }
  }
  const data = (sandbox.kubernetes.read('Secret', namespace, 'stripe-credentials')?.['data'] ?? {}) as Record<
    string,
    string
  >
  const value = data['webhook-secret']
  return {
    image: template.template.spec.containers[0]?.image ?? '',
    endpoints: sandbox.stripe
      .endpoints()
      .map((it) => ({ url: it.url, status: it.status, events: it.enabled_events.length })),
    secret: value === undefined ? undefined : createHash('sha256').update(Buffer.from(value, 'base64')).digest('hex'),
    secretKeys: Object.keys(data),
    cronJobs: sandbox.kubernetes.list('CronJob', namespace).map((it) => it.metadata.name),
  }
}

/** How often the deployment's template has changed so far. */
export function revisionOf({ sandbox }: TestWorld): string | undefined {
  const metadata = sandbox.kubernetes.read('Deployment', namespace, deployment)?.metadata
  return metadata?.annotations?.['deployment.kubernetes.io/revision']
}
