import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

import { stringify } from 'yaml'

import { AccessRules, type Denial } from './access.ts'
import { Api } from './api.ts'
import { CronJobController } from './controllers/cron-jobs.ts'
import { DeploymentController } from './controllers/deployments.ts'
import { GarbageCollector } from './controllers/garbage.ts'
import { JobController } from './controllers/jobs.ts'
import { Kubelet, NODE } from './controllers/kubelet.ts'
import { ReplicaSetController } from './controllers/replica-sets.ts'
import { type ApiFault, Faults } from './faults.ts'
import { createIngress, type IngressTarget } from './ingress.ts'
import { isMap, type JsonMap, type KubeObject, type Pod } from './objects.ts'
import { namespaces, nodes, pods, type Resource, resourceOfKind, resources } from './resources.ts'
import type { ContainerRuntime } from './runtime.ts'
import { Store } from './store.ts'

interface KubernetesOptions {
  readonly runtime: ContainerRuntime
  readonly namespaces: readonly string[]
  readonly token?: string
  /** Manifests created at the start, each with its namespace. */
  readonly seed?: readonly object[]
  readonly ingress?: IngressTarget
}

export interface KubernetesSimulator {
  readonly url: string
  readonly token: string
  /** Stands for the service's public address; undefined without the `ingress` option. */
  readonly ingressUrl: string | undefined
  /** For the all-powerful token, or for another. */
  kubeconfig(namespace: string, token?: string): string
  /** A token of a ServiceAccount: it may do what the Roles bound to the account say, and nothing else. */
  tokenFor(namespace: string, serviceAccount: string): string
  read(kind: string, namespace: string, name: string): KubeObject | undefined
  list(kind: string, namespace: string): readonly KubeObject[]
  /** Replaces what the token may not do. */
  deny(denials: readonly Denial[]): void
  /** Forgets the history of changes: open watches go on, later ones from an old resourceVersion get 410. */
  compact(): void
  /** Admission refuses the pods of Jobs with these words, or lets them in again. */
  refusePods(words: string | undefined): void
  /** Replaces what goes wrong with requests. */
  setFault(fault: ApiFault | undefined): void
  /** Cuts every connection, watches and followed logs in the middle of a line if need be. */
  dropConnections(): void
  /** The API server goes away and comes back at its address; pods run on. Resolves when it answers again. */
  restart(whileAway?: () => Promise<void>): Promise<void>
  /** The public address stops taking connections, or takes them again. */
  openIngress(open: boolean): Promise<void>
  /** Has containers been started and fields been written so much earlier. */
  age(ms: number): void
  /** Creates an object past all rights, as the seed is created. */
  plant(manifest: object): void
  /** Adds a line to the log of a running container. */
  writeLog(namespace: string, pod: string, container: string, text: string): void
  /** Has the runtime forget a run of a container; the kubelet cannot tell its log from then on. */
  loseLog(namespace: string, pod: string, container: string, run: 'current' | 'previous'): void
  /** Stops every container and closes every connection. */
  close(): Promise<void>
}

export async function startKubernetes(options: KubernetesOptions): Promise<KubernetesSimulator> {
  const token = options.token ?? randomBytes(24).toString('base64url')
  const store = new Store()
  const access = new AccessRules(token, store)
  const kubelet = new Kubelet(store, options.runtime)
  const controllers = [
    new DeploymentController(store),
    new ReplicaSetController(store),
    new JobController(store),
    new CronJobController(store),
    new GarbageCollector(store),
  ]
  const api = new Api(store, kubelet, access)
  const faults = new Faults()
  const server = http.createServer((request, response) => {
    void faults.meet(request, response).then((answered) => (answered ? undefined : api.handle(request, response)))
  })
  const ingress = options.ingress && createIngress(store, kubelet, options.ingress)
  const url = await listen(server)
  const ingressUrl = ingress && (await listen(ingress))
  createNode(store)
  for (const name of new Set([...bornWith, ...options.namespaces])) createNamespace(store, name)
  for (const manifest of options.seed ?? []) plant(api, manifest)
  return {
    url,
    token,
    ingressUrl,
    kubeconfig: (namespace, as = token) => kubeconfigFor(url, as, namespace),
    tokenFor: (namespace, serviceAccount) => access.tokenFor(namespace, serviceAccount),
    read: (kind, namespace, name) => store.get(kindNamed(kind), namespace, name),
    list: (kind, namespace) => store.list(kindNamed(kind), namespace),
    deny: (denials) => access.deny(denials),
    compact: () => store.compact(),
    openIngress: async (open) => {
      if (ingress === undefined || ingressUrl === undefined || ingress.listening === open) return
      if (!open) return stop(ingress)
      ingress.listen(Number(new URL(ingressUrl).port), '127.0.0.1')
      await once(ingress, 'listening')
    },
    age: (ms) => api.age(ms),
    plant: (manifest) => plant(api, manifest),
    writeLog: (namespace, name, container, text) => {
      const pod = store.get<Pod>(pods, namespace, name)
      if (pod !== undefined) kubelet.logs(pod, container).current?.write(text)
    },
    loseLog: (namespace, name, container, run) => {
      const pod = store.get<Pod>(pods, namespace, name)
      const log = pod === undefined ? undefined : kubelet.logs(pod, container)[run]
      if (log === undefined) throw new Error(`there is no ${run} log of ${container} in ${name}`)
      log.lost = true
      // Whoever follows it is cut off, and asks again.
      log.end()
    },
    refusePods: (words) => void (store.podRefusal = words),
    setFault: (fault) => faults.set(fault),
    dropConnections: () => server.closeAllConnections(),
    restart: async (whileAway) => {
      await stop(server)
      await whileAway?.()
      server.listen(Number(new URL(url).port), '127.0.0.1')
      await once(server, 'listening')
    },
    close: async () => {
      api.endWatches()
      for (const controller of controllers) controller.close()
      await kubelet.close()
      await Promise.all([stop(server), ...(ingress?.listening ? [stop(ingress)] : [])])
    },
  }
}

/** The namespaces that a cluster makes for itself. */
const bornWith = ['default', 'kube-node-lease', 'kube-public', 'kube-system']

function createNamespace(store: Store, name: string): void {
  store.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  })
}

/** Says that it runs what the sandbox's images are made for, whatever this machine is: its containers are processes. */
function createNode(store: Store): void {
  const [operatingSystem, architecture] = ['linux', 'amd64']
  const labels = {
    'kubernetes.io/os': operatingSystem,
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': NODE,
  }
  store.create(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE, labels },
    spec: {},
    status: { nodeInfo: { operatingSystem, architecture, kubeletVersion: 'v1.26.4' } },
  })
}

function plant(api: Api, manifest: object): void {
  const { apiVersion, kind, metadata } = manifest as Partial<KubeObject>
  const resource = resourceOfKind(apiVersion ?? '', kind ?? '')
  if (resource === undefined) throw new Error(`seeding the cluster: ${apiVersion} ${kind} is not a kind it knows`)
  const namespace = isMap(metadata) && typeof metadata.namespace === 'string' ? metadata.namespace : undefined
  if (resource.namespaced && namespace === undefined)
    throw new Error(`seeding the cluster: ${kind} ${metadata?.name} names no namespace`)
  api.create(resource, namespace, manifest as JsonMap)
}

function kindNamed(kind: string): Resource {
  const found = resources.find((resource) => resource.kind === kind)
  if (found === undefined) throw new Error(`the simulated cluster has no kind ${kind}`)
  return found
}

/** client-node refuses plain http unless TLS verification is switched off; kubectl keeps the token for TLS, see api.ts. */
function kubeconfigFor(server: string, token: string, namespace: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'sandbox', cluster: { server: `${server}/token/${token}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'sandbox', user: { token } }],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'sandbox', namespace } }],
    'current-context': 'sandbox',
  })
}

async function listen(server: http.Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function stop(server: http.Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
