import pg from 'pg'
import { deployment, namespace, type World } from '../world.ts'

/** What an operator would do with kubectl, psql and the Stripe dashboard: to break things, and to mend them. */

export type Mend = () => Promise<void>

const waitLimitMs = 60_000

type JsonMap = Readonly<Record<string, unknown>>

interface CronJobManifest {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: {
    readonly schedule: string
    readonly jobTemplate: {
      readonly spec: {
        readonly backoffLimit?: number
        readonly template: { readonly spec: { readonly containers: readonly JsonMap[] } }
      }
    }
  }
}

export const paths = {
  deployment: `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`,
  pods: `/api/v1/namespaces/${namespace}/pods`,
  secret: (name: string) => `/api/v1/namespaces/${namespace}/secrets/${name}`,
  cronJob: (name: string) => `/apis/batch/v1/namespaces/${namespace}/cronjobs/${name}`,
  jobs: `/apis/batch/v1/namespaces/${namespace}/jobs`,
} as const

export async function kube(
  { kubernetes }: World,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  patch: 'merge' | 'strategic-merge' = 'merge',
): Promise<JsonMap> {
  const type = method === 'PATCH' ? `application/${patch}-patch+json` : 'application/json'
  const manager = { POST: 'kubectl-create', PATCH: 'kubectl-patch', GET: undefined, DELETE: undefined }[method]
  const query = manager === undefined ? '' : `?fieldManager=${manager}`
  const answer = await fetch(`${kubernetes.url}${path}${query}`, {
    method,
    headers: { authorization: `Bearer ${kubernetes.token}`, 'content-type': type },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return JSON.parse(text) as JsonMap
}

export async function stripe(world: World, path: string, form: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(`${world.stripe.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.environment['STRIPE_SECRET_KEY']}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
  })
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`)
  await answer.body?.cancel()
}

export async function sql<Row extends pg.QueryResultRow>(world: World, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: world.serviceDatabaseUrl })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs: number = waitLimitMs,
): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs / 1_000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** As `kubectl delete pod -l app=…`: new ones come up and read whatever they read when they start. */
export async function restartPods(world: World): Promise<void> {
  const old = servicePods(world)
  await Promise.all(old.map((name) => kube(world, 'DELETE', `${paths.pods}/${name}`, { gracePeriodSeconds: 1 })))
  await rolledOut(world, old)
}

/** Every wanted pod is ready and none of the old ones is left. */
export async function rolledOut(world: World, old: readonly string[]): Promise<void> {
  await until('the new pods', () => {
    const now = world.kubernetes.read('Deployment', namespace, deployment)
    if (now === undefined) throw new Error(`there is no Deployment ${deployment}`)
    const { replicas } = now['spec'] as { replicas: number }
    const status = now['status'] as { availableReplicas?: number; updatedReplicas?: number }
    const settled = status.availableReplicas === replicas && status.updatedReplicas === replicas
    return settled && !servicePods(world).some((name) => old.includes(name))
  })
}

export function servicePods({ kubernetes }: World): readonly string[] {
  return kubernetes
    .list('Pod', namespace)
    .filter((pod) => pod.metadata.labels?.['app'] === deployment)
    .map((pod) => pod.metadata.name)
}

/** The value as it stands in the Secret, base64. */
export function secretValue({ kubernetes }: World, name: string, key: string): string {
  const value = (kubernetes.read('Secret', namespace, name)?.['data'] as Record<string, string> | undefined)?.[key]
  if (value === undefined) throw new Error(`there is no key ${key} in Secret ${name}: deploy v1.2.0 first`)
  return value
}

export function cronJob({ kubernetes }: World, name: string): CronJobManifest {
  const found = kubernetes.read('CronJob', namespace, name)
  if (found === undefined) throw new Error(`there is no CronJob ${name}: deploy v1.2.0 first`)
  return structuredClone(found) as unknown as CronJobManifest
}

/** The service's endpoint; the events that were not delivered meanwhile are sent when what was broken is mended. */
export function endpointOf(world: World): { readonly id: string } {
  const found = world.stripe.endpoints().find((endpoint) => endpoint.url.startsWith(world.publicUrl))
  if (found === undefined) throw new Error('there is no Stripe endpoint: deploy v1.2.0 first')
  return found
}

/** As `stripe events resend` for each: what came while the service could not take it. */
export async function resendSince(world: World, began: Date): Promise<void> {
  const { id } = endpointOf(world)
  const from = Math.floor(began.getTime() / 1_000)
  const delivered = new Set(
    world.stripe.deliveries().flatMap((delivery) => (delivery.outcome === 200 ? [delivery.eventId] : [])),
  )
  const missed = world.stripe.events().filter((event) => event.created >= from && !delivered.has(event.id))
  for (const event of missed) await stripe(world, `/v1/events/${event.id}/retry`, { webhook_endpoint: id })
  const arrived = () =>
    new Set(world.stripe.deliveries().flatMap(({ eventId, outcome }) => (outcome === 200 ? [eventId] : [])))
  await until('the missed events', () => {
    const ids = arrived()
    return missed.every((event) => ids.has(event.id))
  })
}
