import type { ApiObject, ContainerSecretUse, CronJob, Deployment, Pod, ReplicaSet, SecretUse } from '../api/objects.ts'
import type { Connection } from '../api/connection.ts'
import type { Paths } from '../api/paths.ts'
import type { SecretConsumer, SecretConsumers } from './port.ts'

interface ConsumersQuestion {
  readonly deployment: Deployment
  readonly secret: string
  readonly cronJobs: readonly string[]
}

/**
 * Finds everything in the namespace that gets values of a Secret. The Deployment and the CronJobs of the question are
 * read as objects. Other workloads are found by their running pods, because reading every Deployment of the namespace
 * would need a right that Purser's Role does not have.
 */
export async function secretConsumers(
  connection: Connection,
  paths: Paths,
  { deployment, secret, cronJobs }: ConsumersQuestion,
  signal: AbortSignal,
): Promise<SecretConsumers> {
  const [others, found] = await Promise.all([
    otherConsumers(connection, paths, { deployment: deployment.metadata.name, secret }, signal),
    Promise.all(
      cronJobs.map((name) =>
        connection.find<CronJob>(get(`${paths.cronJobs}/${name}`, `reading cronjob ${name}`), signal),
      ),
    ),
  ])
  const own = [
    ...consumersIn(`Deployment ${deployment.metadata.name}`, deployment.spec.template.spec, secret),
    ...found.flatMap((cronJob) =>
      cronJob === undefined ? [] : consumersIn(`CronJob ${cronJob.metadata.name}`, podSpecOf(cronJob), secret),
    ),
  ]
  return { own, others }
}

/** Traces each pod to the workload that controls it: a ReplicaSet's to its Deployment. */
async function otherConsumers(
  connection: Connection,
  paths: Paths,
  { deployment, secret }: { readonly deployment: string; readonly secret: string },
  signal: AbortSignal,
): Promise<readonly SecretConsumer[]> {
  const [pods, sets] = await Promise.all([
    connection.list<Pod>(get(paths.pods, 'listing pods'), signal),
    connection.list<ReplicaSet>(get(paths.replicaSets, 'listing replica sets'), signal),
  ])
  const controllerOf = ({ metadata }: ApiObject) => metadata.ownerReferences?.find((one) => one.controller === true)
  const consumers = new Map<string, SecretConsumer>()
  for (const pod of pods.items) {
    const owner = controllerOf(pod)
    const set = sets.items.find(({ metadata }) => metadata.uid === owner?.uid)
    const whose = set === undefined ? owner : controllerOf(set)
    // A Job ends by itself, and the next Job of its CronJob reads the Secret again.
    if (whose === undefined || whose.kind === 'Job') continue
    if (whose.kind === 'Deployment' && whose.name === deployment) continue
    for (const one of consumersIn(`${whose.kind} ${whose.name}`, pod.spec, secret))
      consumers.set(JSON.stringify(one), one)
  }
  return [...consumers.values()].sort((a, b) => a.workload.localeCompare(b.workload) || a.by.localeCompare(b.by))
}

const get = (path: string, doing: string) => ({ method: 'GET', path, doing }) as const

const podSpecOf = ({ spec }: CronJob): SecretUse =>
  (spec.jobTemplate.spec as { readonly template?: { readonly spec?: SecretUse } }).template?.spec ?? {}

/** Lists every way by which a pod gets values of a Secret. */
export function consumersIn(workload: string, pod: SecretUse, secret: string): readonly SecretConsumer[] {
  const containers = [...(pod.initContainers ?? []), ...(pod.containers ?? [])]
  const volumes = (pod.volumes ?? []).filter(
    (volume) =>
      volume.secret?.secretName === secret ||
      volume.projected?.sources?.some((source) => source.secret?.name === secret) === true,
  )
  const mounted = (name: string) =>
    containers.flatMap((container) => (container.volumeMounts ?? []).filter((mount) => mount.name === name))
  return [
    ...containers.flatMap((container) =>
      waysInto(container, secret).map((how) => ({ workload, by: `container ${container.name}`, how })),
    ),
    ...volumes.map(({ name }): SecretConsumer => {
      const fixed = mounted(name).some((mount) => mount.subPath !== undefined)
      return { workload, by: `volume ${name}`, how: fixed ? 'subPath' : 'volume' }
    }),
  ]
}

function waysInto({ env = [], envFrom = [] }: ContainerSecretUse, secret: string): readonly ('env' | 'envFrom')[] {
  const named = env.some((variable) => variable.valueFrom?.secretKeyRef?.name === secret)
  const whole = envFrom.some((source) => source.secretRef?.name === secret)
  return [...(named ? (['env'] as const) : []), ...(whole ? (['envFrom'] as const) : [])]
}
