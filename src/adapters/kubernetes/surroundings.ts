import type {
  ApiList,
  ApiObject,
  ContainerSecretUse,
  CronJob,
  Deployment,
  Pod,
  ReplicaSet,
  SecretUse,
} from './api/objects.ts'
import type { Connection } from './api/connection.ts'
import { ClusterError } from './api/errors.ts'
import type { Paths } from './api/paths.ts'
import type { SecretConsumer, Surroundings } from './port.ts'

interface Autoscaler extends ApiObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string }
    readonly minReplicas?: number
    readonly maxReplicas: number
  }
}

interface Node extends ApiObject {
  readonly spec?: { readonly unschedulable?: boolean }
  readonly status?: { readonly nodeInfo?: { readonly operatingSystem?: string; readonly architecture?: string } }
}

/** Rights that a small Role lacks make an answer `unknown`, not an error: a plan says so and goes on. */
export async function surroundingsOf(
  connection: Connection,
  paths: Paths,
  { deployment, secret, cronJobs }: { deployment: Deployment; secret: string; cronJobs: readonly string[] },
  signal: AbortSignal,
): Promise<Surroundings> {
  const [autoscalers, nodes, others, found] = await Promise.all([
    allowed(connection.json<ApiList<Autoscaler>>(get(paths.autoscalers, 'listing autoscalers'), signal)),
    allowed(connection.json<ApiList<Node>>(get('/api/v1/nodes', 'listing nodes'), signal)),
    otherConsumers(connection, paths, { deployment: deployment.metadata.name, secret }, signal),
    Promise.all(
      cronJobs.map((name) =>
        connection.find<CronJob>(get(`${paths.cronJobs}/${name}`, `reading cronjob ${name}`), signal),
      ),
    ),
  ])
  return {
    autoscaler: autoscalers === 'unknown' ? 'unknown' : autoscalerOf(autoscalers.items, deployment.metadata.name),
    nodePlatforms: nodes === 'unknown' ? 'unknown' : platformsOf(nodes.items),
    secretConsumers: [
      ...consumersIn(`Deployment ${deployment.metadata.name}`, deployment.spec.template.spec, secret),
      ...found.flatMap((cronJob) =>
        cronJob === undefined ? [] : consumersIn(`CronJob ${cronJob.metadata.name}`, podSpecOf(cronJob), secret),
      ),
    ],
    otherConsumers: others,
  }
}

/** Found by what runs, so that no right to read every Deployment is needed: pods, and whose they are. */
async function otherConsumers(
  connection: Connection,
  paths: Paths,
  { deployment, secret }: { readonly deployment: string; readonly secret: string },
  signal: AbortSignal,
): Promise<readonly SecretConsumer[]> {
  const [pods, sets] = await Promise.all([
    connection.json<ApiList<Pod>>(get(paths.pods, 'listing pods'), signal),
    connection.json<ApiList<ReplicaSet>>(get(paths.replicaSets, 'listing replica sets'), signal),
  ])
  const controllerOf = ({ metadata }: ApiObject) => metadata.ownerReferences?.find((one) => one.controller === true)
  const consumers = new Map<string, SecretConsumer>()
  for (const pod of pods.items) {
    const owner = controllerOf(pod)
    const set = sets.items.find(({ metadata }) => metadata.uid === owner?.uid)
    const whose = set === undefined ? owner : controllerOf(set)
    // Jobs end by themselves, and the next one reads anew.
    if (whose === undefined || whose.kind === 'Job') continue
    if (whose.kind === 'Deployment' && whose.name === deployment) continue
    for (const one of consumersIn(`${whose.kind} ${whose.name}`, pod.spec, secret))
      consumers.set(JSON.stringify(one), one)
  }
  return [...consumers.values()].sort((a, b) => a.workload.localeCompare(b.workload) || a.by.localeCompare(b.by))
}

const get = (path: string, doing: string) => ({ method: 'GET', path, doing }) as const

/** Forbidden, or a kind that the cluster does not serve (autoscaling/v2 came with 1.23). */
async function allowed<T>(asked: Promise<T>): Promise<T | 'unknown'> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ClusterError && (error.status === 403 || error.status === 404)) return 'unknown'
    throw error
  }
}

function autoscalerOf(all: readonly Autoscaler[], deployment: string): Surroundings['autoscaler'] {
  const found = all.find(
    ({ spec }) => spec.scaleTargetRef.kind === 'Deployment' && spec.scaleTargetRef.name === deployment,
  )
  if (found === undefined) return 'none'
  return { name: found.metadata.name, minimum: found.spec.minReplicas ?? 1, maximum: found.spec.maxReplicas }
}

function platformsOf(nodes: readonly Node[]): readonly string[] {
  const platforms = nodes
    .filter((node) => node.spec?.unschedulable !== true)
    .flatMap(({ status }) => {
      const { operatingSystem, architecture } = status?.nodeInfo ?? {}
      return operatingSystem && architecture ? [`${operatingSystem}/${architecture}`] : []
    })
  return [...new Set(platforms)].sort()
}

const podSpecOf = ({ spec }: CronJob): SecretUse =>
  (spec.jobTemplate.spec as { readonly template?: { readonly spec?: SecretUse } }).template?.spec ?? {}

/** Every way by which a pod gets values of a Secret. */
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
