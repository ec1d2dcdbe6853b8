import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { KubeConfig, type User } from '@kubernetes/client-node'
import { parse } from 'yaml'
import { z } from 'zod'
import { ClusterError } from '../api/errors.ts'
import { type ExecConfig, type ExecCredential, execSchema } from './exec-credential.ts'

export interface KubeconfigOptions {
  readonly kubeconfig?: string
  readonly context?: string
}

/** A kubeconfig as it was read, with what its user needs beside it. */
export interface ReadKubeconfig {
  readonly config: KubeConfig
  readonly server: string
  readonly caData: string | undefined
  /** Everything that was read, or is read for each request: another content gives other credentials. */
  readonly files: readonly string[]
  /** The program that gives the credential, and the file that names it. */
  readonly exec: { readonly config: ExecConfig; readonly kubeconfig: string } | undefined
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Takes the kubeconfig that it is given, else KUBECONFIG, else the pod's ServiceAccount, else ~/.kube/config. client-node would go
 * on to http://localhost:8080 and say nothing about it; here that is an error. Raises ClusterError (`cluster_config`).
 */
export function readKubeconfig({ kubeconfig, context }: KubeconfigOptions): ReadKubeconfig {
  const fallback = path.join(homedir(), '.kube', 'config')
  const named = (process.env.KUBECONFIG ?? '').split(path.delimiter).filter((file) => file !== '')
  const inPod = kubeconfig === undefined && named.length === 0 && Boolean(process.env.KUBERNETES_SERVICE_HOST)
  const files = kubeconfig === undefined ? (named.length > 0 ? named : inPod ? [] : [fallback]) : [kubeconfig]
  const config = new KubeConfig()
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
    else if (named.length > 0) config.loadFromDefault()
    else if (inPod) config.loadFromCluster()
    else if (existsSync(fallback)) config.loadFromFile(fallback)
    else throw new Error("no kubeconfig, and this isn't a pod")
    const tokenFile = choose(config, context, files)
    return described(config, files, [...(inPod ? [path.join(serviceAccount, 'token')] : []), ...tokenFile])
  } catch (error) {
    if (error instanceof ClusterError) throw error
    throw new ClusterError(
      'cluster_config',
      `opening the cluster: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
        hint: 'Set KUBECONFIG to a readable kubeconfig file.',
      },
    )
  }
}

/** Sets the context, and gives its user the `tokenFile` that client-node does not know: it is read with each change of the file. */
function choose(config: KubeConfig, context: string | undefined, files: readonly string[]): readonly string[] {
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw new ClusterError('cluster_config', `opening the cluster: the kubeconfig has no context "${context}"`)
    config.setCurrentContext(context)
  }
  const user = config.getCurrentUser()
  const tokenFile = user === null || user.token ? undefined : tokenFileOf(user.name, files)
  if (user === null || tokenFile === undefined) return []
  replaceUser(config, { ...user, token: readFileSync(tokenFile, 'utf8').trim() })
  return [tokenFile]
}

const usersSchema = z.looseObject({
  users: z
    .array(z.looseObject({ name: z.string(), user: z.looseObject({ tokenFile: z.string().nullish() }).nullish() }))
    .nullish(),
})

function tokenFileOf(name: string, files: readonly string[]): string | undefined {
  for (const file of files) {
    const read = usersSchema.safeParse(parse(readFileSync(file, 'utf8')))
    const tokenFile = read.data?.users?.find((user) => user.name === name)?.user?.tokenFile
    if (tokenFile) return path.resolve(path.dirname(file), tokenFile)
  }
  return undefined
}

function described(config: KubeConfig, files: readonly string[], more: readonly string[]): ReadKubeconfig {
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    throw new ClusterError('cluster_config', 'opening the cluster: the kubeconfig has no current context', {
      hint: 'Name a context that exists, or set current-context in the kubeconfig.',
    })
  const user = config.getCurrentUser()
  const mounted = [cluster.caFile, user?.certFile, user?.keyFile].filter((file) => file !== undefined && file !== null)
  return {
    config,
    server: cluster.server.replace(/\/$/, ''),
    caData: cluster.caData ?? (cluster.caFile ? readFileSync(cluster.caFile).toString('base64') : undefined),
    files: [...files, ...mounted, ...more],
    exec: execOf(user, files),
  }
}

function execOf(user: User | null, files: readonly string[]): ReadKubeconfig['exec'] {
  if (user?.exec === undefined || user.exec === null) return undefined
  const read = execSchema.safeParse(user.exec)
  if (!read.success)
    throw new ClusterError('cluster_config', `opening the cluster: the exec of user ${user.name} cannot be read`, {
      hint: 'See the kubeconfig: apiVersion and command are needed.',
      evidence: read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    })
  return { config: read.data, kubeconfig: files[0] ?? '.' }
}

/** The same configuration, in which the user has the credential that a program gave. */
export function withCredential({ config }: ReadKubeconfig, credential: ExecCredential): KubeConfig {
  const made = new KubeConfig()
  made.loadFromOptions({
    clusters: config.getClusters(),
    contexts: config.getContexts(),
    users: config.getUsers(),
    currentContext: config.getCurrentContext(),
  })
  const user = config.getCurrentUser()
  const encoded = (pem: string) => Buffer.from(pem).toString('base64')
  if (user !== null)
    replaceUser(made, {
      name: user.name,
      ...(user.impersonateUser === undefined ? {} : { impersonateUser: user.impersonateUser }),
      ...(credential.token === undefined ? {} : { token: credential.token }),
      ...(credential.certificate === undefined ? {} : { certData: encoded(credential.certificate) }),
      ...(credential.key === undefined ? {} : { keyData: encoded(credential.key) }),
    })
  return made
}

function replaceUser(config: KubeConfig, user: User): void {
  config.loadFromOptions({
    clusters: config.getClusters(),
    contexts: config.getContexts(),
    users: config.getUsers().map((one) => (one.name === user.name ? user : one)),
    currentContext: config.getCurrentContext(),
  })
}
