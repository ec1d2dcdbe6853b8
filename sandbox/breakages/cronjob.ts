import { namespace, type World } from '../world.ts'
import { cronJob, kube, type Mend, paths, until } from './hands.ts'

const name = 'webhook-retry'

export async function suspended(world: World): Promise<Mend> {
  await kube(world, 'PATCH', paths.cronJob(name), { spec: { suspend: true } })
  return async () => void (await kube(world, 'PATCH', paths.cronJob(name), { spec: { suspend: false } }))
}

/** Nothing is to be seen of it, but that its fields are somebody's: whoever applies the CronJob meets a conflict. */
export async function resumedByHand(world: World): Promise<Mend> {
  for (const suspend of [true, false]) await kube(world, 'PATCH', paths.cronJob(name), { spec: { suspend } })
  return async () => undefined
}

/** Longer than a deploy takes until it comes to the CronJobs, and shorter than Purser waits. */
const runsForSeconds = 180

/** As `kubectl create job --from` starts it: its controller does not count it. */
export async function runningJob(world: World): Promise<Mend> {
  const { metadata, spec } = cronJob(world, name)
  const { template, ...rest } = spec.jobTemplate.spec
  const [container] = template.spec.containers
  const command = ['node', '-e', `setTimeout(() => undefined, ${runsForSeconds * 1_000})`]
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name, uid: metadata.uid, controller: true }
  await kube(world, 'POST', paths.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name}-by-hand`,
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
      ownerReferences: [owner],
    },
    spec: { ...rest, template: { ...template, spec: { ...template.spec, containers: [{ ...container, command }] } } },
  })
  await until('its pod to run', () => podsOf(world, 'by-hand').length > 0)
  return async () =>
    void (await kube(world, 'DELETE', `${paths.jobs}/${name}-by-hand`, { propagationPolicy: 'Background' }))
}

/** The API server takes it, and it never comes: a thirtieth of February. */
export async function badSchedule(world: World): Promise<Mend> {
  const { schedule } = cronJob(world, name).spec
  await kube(world, 'PATCH', paths.cronJob(name), { spec: { schedule: '0 4 30 2 *' } })
  return async () => void (await kube(world, 'PATCH', paths.cronJob(name), { spec: { schedule } }))
}

/** Its database is not where it looks for it. */
export async function failingJob(world: World): Promise<Mend> {
  const nowhere = [{ name: 'DATABASE_URL', value: 'postgresql://nobody@127.0.0.1:9/nothing' }]
  return withJob(world, { env: nowhere }, 'failing', () => failed(world, 'failing'))
}

/** An image that is in no registry. */
export async function imagePull(world: World): Promise<Mend> {
  return withJob(world, { image: 'valuecanvas/api:v0.0.0-gone' }, 'pulling', () =>
    podsOf(world, 'pulling').some((pod) => waitingReason(pod)?.includes('ImagePull') === true),
  )
}

/** Changes the CronJob's container, lets one Job run from it as the schedule would, and waits for its trouble. */
async function withJob(
  world: World,
  change: Readonly<Record<string, unknown>>,
  job: string,
  broken: () => boolean,
): Promise<Mend> {
  const before = cronJob(world, name).spec.jobTemplate.spec
  const [container] = before.template.spec.containers
  await kube(world, 'PATCH', paths.cronJob(name), {
    spec: {
      jobTemplate: { spec: { backoffLimit: 0, template: { spec: { containers: [{ ...container, ...change }] } } } },
    },
  })
  const { metadata, spec } = cronJob(world, name)
  await kube(world, 'POST', paths.jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name}-${job}`,
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name, uid: metadata.uid, controller: true }],
    },
    spec: spec.jobTemplate.spec,
  })
  await until(`the trouble of Job ${name}-${job}`, broken)
  return async () => {
    const { backoffLimit = 6, template } = before
    await kube(world, 'PATCH', paths.cronJob(name), {
      spec: { jobTemplate: { spec: { backoffLimit, template: { spec: { containers: template.spec.containers } } } } },
    })
    await kube(world, 'DELETE', `${paths.jobs}/${name}-${job}`, { propagationPolicy: 'Background' })
    await until('the end of its pods', () => podsOf(world, job).length === 0)
  }
}

function failed({ kubernetes }: World, job: string): boolean {
  const status = kubernetes.read('Job', namespace, `${name}-${job}`)?.['status'] as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
    | undefined
  return status?.conditions?.some((condition) => condition.type === 'Failed' && condition.status === 'True') === true
}

function podsOf({ kubernetes }: World, job: string) {
  return kubernetes.list('Pod', namespace).filter((pod) => pod.metadata.labels?.['job-name'] === `${name}-${job}`)
}

function waitingReason(pod: Readonly<Record<string, unknown>>): string | undefined {
  const status = pod['status'] as {
    readonly containerStatuses?: readonly { readonly state: { readonly waiting?: { readonly reason: string } } }[]
  }
  return status.containerStatuses?.[0]?.state.waiting?.reason
}
