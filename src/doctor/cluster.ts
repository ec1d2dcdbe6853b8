import { sameRepository } from '../image-name.ts'
import type { Finding } from '../model/finding.ts'
import { describePermission, neededPermissions } from '../runbook/preflight/permissions.ts'
import { counted } from '../text.ts'
import type { Outlook } from './outlook.ts'
import { look, lookBehind, missing, note, type Seen, works } from './look.ts'

/** Looks at the cluster: its version, every right, and the objects that purser.yaml names. */
export function lookAtCluster(area: string, outlook: Outlook): Promise<readonly Finding[]> {
  return lookBehind(area, (signal) => serverOf(outlook, signal), [
    (signal) => rightsOf(outlook, signal),
    (signal) => deploymentOf(outlook, signal),
    (signal) => secretOf(outlook, signal),
  ])
}

async function serverOf({ world, environment }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const version = await world.cluster.serverVersion(signal)
  return [works(`Kubernetes ${version}, namespace ${environment.namespace}.`)]
}

async function rightsOf({ service, environment, world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const needed = neededPermissions(service)
  const lacking = await world.cluster.missingPermissions(needed, signal)
  if (lacking.length === 0) return [works(`All ${needed.length} rights that a deploy uses are granted.`)]
  const mend = `Grant them in namespace ${environment.namespace}: deploy/rbac.yaml is the Role that Purser needs.`
  return [missing(`Purser isn't allowed to ${lacking.map(describePermission).join('; ')}.`, mend)]
}

async function deploymentOf({ service, world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { deployment, container, image } = service
  const found = await world.cluster.deployment(deployment, container, signal)
  if (found === undefined)
    return [
      missing(`Deployment ${deployment} does not exist.`, 'Correct service.deployment in purser.yaml, or create it.'),
    ]
  const { availableReplicas: available, replicas } = found
  const words = `Deployment ${deployment} runs ${found.image}, ${available} of ${replicas} pods available.`
  const seen = replicas > 0 && available >= replicas ? works(words) : note(words)
  if (sameRepository(found.image, image.repository)) return [seen]
  return [
    seen,
    note(
      `Container ${container} runs an image that isn't from ${image.repository}.`,
      'Look whether service.image.repository is right.',
    ),
  ]
}

async function secretOf({ service, world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { name, key } = service.stripe.secret
  const secret = await world.cluster.secretKey(name, key, signal)
  if (secret.keyExists) return [works(`Secret ${name} has the key ${key}.`)]
  return [
    note(`Secret ${name} has no key ${key}. The next deploy makes a Stripe endpoint and writes its secret there.`),
  ]
}

/** Looks at what neither needs a right nor names a version: the health URL. */
export async function lookAtHealth(area: string, { environment, world }: Outlook): Promise<readonly Finding[]> {
  return look(area, async (signal) => {
    const { healthUrl } = environment
    const { status, milliseconds } = await world.health.get(healthUrl, signal)
    if (status >= 200 && status < 300)
      return [works(`${healthUrl} answers ${status} in ${counted(milliseconds, 'ms', 'ms')}.`)]
    return [missing(`${healthUrl} answers ${status}.`, 'Correct healthUrl in purser.yaml, or look at the service.')]
  })
}
