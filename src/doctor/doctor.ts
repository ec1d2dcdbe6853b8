import type { Repository } from '../adapters/git/port.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { imageName, sameRepository } from '../image-name.ts'
import type { Finding } from '../model/finding.ts'
import type { World } from '../runbook/world.ts'
import { counted } from '../text.ts'
import { lookAtCluster, lookAtHealth } from './cluster.ts'
import { look, note, type Seen, works } from './look.ts'
import type { Outlook } from './outlook.ts'
import { lookAtDatabase } from './service-database.ts'
import { lookAtStripe } from './stripe.ts'

interface Everything {
  readonly config: PurserConfig
  readonly repository: Repository
  /** Raises ConfigError when the environment's variables do not suffice. */
  readonly worldOf: (environment: string) => World
}

/** Says what of purser.yaml could be read, for which nobody is asked. */
export function fileFindings({ service, environments }: PurserConfig): readonly Finding[] {
  const names = Object.keys(environments)
  return [
    { area: 'purser.yaml', ...works(`${service.name}, ${counted(names.length, 'environment')}: ${names.join(', ')}.`) },
  ]
}

/** Looks at the repository, and in each environment at cluster, registry, database, Stripe and health. Changes nothing. */
export async function lookAround(everything: Everything): Promise<readonly Finding[]> {
  const { config, repository } = everything
  const names = Object.keys(config.environments)
  const found = await Promise.all([
    look('repository', (signal) => tagsOf(repository, signal)),
    ...names.map((name) => lookAtEnvironment(name, everything)),
  ])
  return found.flat()
}

async function tagsOf(repository: Repository, signal: AbortSignal): Promise<readonly Seen[]> {
  const { length } = await repository.tagNames(signal)
  return length > 0
    ? [works(`It has ${counted(length, 'tag')}.`)]
    : [note('It has no tags yet, so nothing can be deployed.')]
}

async function lookAtEnvironment(name: string, { config, worldOf }: Everything): Promise<readonly Finding[]> {
  const environment = config.environments[name]
  if (environment === undefined) return []
  let world: World | undefined
  const unopened = await look(name, async () => {
    world = worldOf(name)
    return []
  })
  if (world === undefined) return unopened
  const outlook: Outlook = { world, service: config.service, environment, run: { environment: name } }
  const found = await Promise.all([
    lookAtCluster(`${name}: cluster`, outlook),
    look(`${name}: registry`, (signal) => runningImage(outlook, signal)),
    lookAtDatabase(`${name}: database`, outlook),
    lookAtStripe(`${name}: Stripe`, outlook),
    lookAtHealth(`${name}: health`, outlook),
  ])
  return found.flat()
}

/** Whether the registry can be read is seen by asking it for what runs; which versions it has is known with the version. */
async function runningImage({ service, world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const { repository } = service.image
  const runs = await world.cluster.deployment(service.deployment, service.container, signal)
  if (runs === undefined || !sameRepository(runs.image, repository))
    return [note(`Nobody asked it: no image of ${repository} runs, and a plan names one.`)]
  const { tag, digest } = imageName(runs.image)
  const wanted = digest ?? tag ?? 'latest'
  const found = await world.registry.resolve(repository, wanted, signal)
  const named = digest === undefined ? `${wanted}, ` : ''
  return [works(`It has the image that runs, ${named}${found.digest.slice(0, 19)}.`)]
}
