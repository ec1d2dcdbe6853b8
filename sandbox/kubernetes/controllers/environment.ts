import type { Container, Pod, Secret } from '../objects.ts'
import { configMaps, secrets } from '../resources.ts'
import type { Store } from '../store.ts'

/** The kubelet's CreateContainerConfigError; the message is what the pod shows. */
export class ContainerConfigError extends Error {}

/** The environment a container starts with: values are read now and never refreshed while it runs. */
export function environmentOf(store: Store, pod: Pod, container: Container): Record<string, string> {
  const env: Record<string, string> = {}
  for (const source of container.envFrom ?? []) {
    if (source.secretRef === undefined) continue
    const secret = secretFor(store, pod, source.secretRef.name, source.secretRef.optional)
    for (const [key, value] of Object.entries(secret?.data ?? {})) env[`${source.prefix ?? ''}${key}`] = decode(value)
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved = valueFrom === undefined ? expand(value ?? '', env) : fromSource(store, pod, valueFrom)
    if (resolved !== undefined) env[name] = resolved
  }
  return env
}

/** `$(NAME)` refers to a variable of the container; `$$(NAME)` is a literal; an unknown name stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (env[name] ?? whole),
  )
}

type Source = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>

function fromSource(store: Store, pod: Pod, source: Source): string | undefined {
  if (source.secretKeyRef !== undefined) {
    const { name, key, optional } = source.secretKeyRef
    const secret = secretFor(store, pod, name, optional)
    const value = secret?.data?.[key]
    if (value !== undefined) return decode(value)
    if (optional === true) return undefined
    throw new ContainerConfigError(`couldn't find key ${key} in Secret ${pod.metadata.namespace}/${name}`)
  }
  if (source.configMapKeyRef !== undefined) {
    const { name, key, optional } = source.configMapKeyRef
    const map = store.get(configMaps, pod.metadata.namespace, name)
    const value = (map?.data as Record<string, string> | undefined)?.[key]
    if (value !== undefined || optional === true) return value
    if (map === undefined) throw new ContainerConfigError(`configmap "${name}" not found`)
    throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${pod.metadata.namespace}/${name}`)
  }
  const fields: Record<string, string | undefined> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName,
    'status.podIP': '127.0.0.1',
  }
  return fields[source.fieldRef?.fieldPath ?? '']
}

function secretFor(store: Store, pod: Pod, name: string, optional: boolean | undefined): Secret | undefined {
  const secret = store.get<Secret>(secrets, pod.metadata.namespace, name)
  if (secret === undefined && optional !== true) throw new ContainerConfigError(`secret "${name}" not found`)
  return secret
}

const decode = (value: string) => Buffer.from(value, 'base64').toString()
