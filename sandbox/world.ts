import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { commandHints } from './commands.ts'
import { writeConfiguration } from './configuration.ts'
import { type KubernetesSimulator, startKubernetes } from './kubernetes/server.ts'
import { channels, onCallGroup, people, visitors } from './people.ts'
import { type PostgresServer, startPostgres } from './postgres/server.ts'
import { type RegistrySimulator, startRegistry } from './registry/server.ts'
import { refusalsFrom } from './slack/random-refusals.ts'
import { type SlackSimulator, startSlack } from './slack/simulator.ts'
import { installedApp } from './slack-app.ts'
import type { AccountOptions } from './stripe/account.ts'
import { startStripe, type StripeSimulator, type StripeSimulatorOptions } from './stripe/server.ts'
import { contentOf, serviceImages } from './valuecanvas/images.ts'
import { buildServiceRepository } from './valuecanvas/repository.ts'
import { serviceRuntime } from './valuecanvas/runtime.ts'
import { seedDatabase, seedManifests } from './valuecanvas/seed.ts'

export interface WorldOptions {
  /** Everything is kept here; what an earlier world left is removed. */
  readonly directory: string
  readonly monitorSeconds?: number
  /** Port of the Slack page; 0 for any. */
  readonly slackPort?: number
  readonly redisUrl?: string | undefined
  readonly slackMode?: 'socket' | 'http'
  /** `SEED:RATE`: Slack refuses posts and edits at random; none unless told. */
  readonly slackRefuses?: string | undefined
  /** `service.image.build`, for a registry at this host; unless told, CI has pushed the images. */
  readonly imageBuild?: (registryHost: string) => Readonly<Record<string, unknown>>
  /** How many times faster than Stripe's its retries come here. */
  readonly retriesFasterBy?: number
  /** Restricted keys of the Stripe account, with their rights. */
  readonly restrictedKeys?: AccountOptions['restrictedKeys']
  /** Sandboxes of the Stripe account beside the first one, each behind a key of its own. */
  readonly stripeSandboxes?: StripeSimulatorOptions['sandboxes']
  readonly onStep?: (line: string) => void
}

/** Everything around Purser, on loopback. */
export interface World {
  readonly directory: string
  readonly postgres: PostgresServer
  readonly kubernetes: KubernetesSimulator
  readonly stripe: StripeSimulator
  readonly registry: RegistrySimulator
  readonly slack: SlackSimulator
  readonly kubeconfig: string
  readonly publicUrl: string
  readonly serviceDatabaseUrl: string
  readonly stateDatabaseUrl: string
  readonly backups: string
  /** How far the clock of the cluster's node is wrong; containers see it when they start. */
  readonly node: { clockSkewMs: number }
  /** What Purser is started with: the production program's own settings. */
  readonly environment: Readonly<Record<string, string>>
  close(): Promise<void>
}

export const namespace = 'production'
export const deployment = 'valuecanvas-api'
const databases = { service: 'valuecanvas', state: 'purser' } as const
export const trafficEveryMs = 700
/** Ten minutes of Stripe's retries are half a second here, and an hour is three seconds. */
const usualHaste = 1_200

export async function startWorld(options: WorldOptions): Promise<World> {
  const { directory, onStep = () => undefined } = options
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne()
  }
  try {
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory, { recursive: true })
    onStep('PostgreSQL and the service repository')
    const [postgres, repository] = await Promise.all([
      startPostgres({ directory: join(directory, 'postgres') }),
      buildServiceRepository({ directory: join(directory, 'repository.git') }),
    ])
    closers.push(() => postgres.close())
    await Promise.all(Object.values(databases).map((name) => postgres.createDatabase(name)))
    const serviceDatabaseUrl = postgres.url(databases.service)
    await seedDatabase(serviceDatabaseUrl)

    onStep('image registry, Stripe and Slack')
    const secrets = inventSecrets()
    const registry = await startRegistry({ images: serviceImages(repository.commits) })
    closers.push(() => registry.close())
    const stripe = await startStripe({
      secretKey: secrets.stripe,
      trafficEveryMs,
      retriesFasterBy: options.retriesFasterBy ?? usualHaste,
      ...(options.restrictedKeys === undefined ? {} : { restrictedKeys: options.restrictedKeys }),
      ...(options.stripeSandboxes === undefined ? {} : { sandboxes: options.stripeSandboxes }),
    })
    closers.push(() => stripe.close())
    const botPort = options.slackMode === 'http' ? await freePort() : 0
    const slack = await startSlack({
      users: [...Object.values(people), ...Object.values(visitors)],
      channels: Object.values(channels),
      userGroups: [onCallGroup],
      command: '/billing',
      commandHints,
      botToken: secrets.slackBot,
      appToken: secrets.slackApp,
      signingSecret: secrets.slackSigning,
      ...(await installedApp()),
      ...(options.slackRefuses === undefined ? {} : { refusals: refusalsFrom(options.slackRefuses) }),
      ...(options.slackPort === undefined ? {} : { port: options.slackPort }),
      ...(options.slackMode === 'http' ? { http: { requestUrl: `http://127.0.0.1:${botPort}/slack/events` } } : {}),
    })
    closers.push(() => slack.close())

    onStep('cluster, with valuecanvas-api v1.1.0')
    const images = () => [
      ...registry.pushed().map((one) => ({ ...one, content: contentOf(one.digest, registry.content) })),
      ...serviceImages(repository.commits).map(({ repository: name, tag }) => ({
        repository: name,
        tag,
        digest: registry.digestOf(name, tag),
      })),
    ]
    const node = { clockSkewMs: 0 }
    const kubernetes = await startKubernetes({
      runtime: serviceRuntime({
        repository: repository.url,
        workDirectory: join(directory, 'images'),
        images,
        clockSkewMs: () => node.clockSkewMs,
      }),
      namespaces: [namespace],
      seed: await seedManifests({ namespace, image: 'valuecanvas/api:v1.1.0', databaseUrl: serviceDatabaseUrl }),
      ingress: { namespace, deployment },
    })
    closers.push(() => kubernetes.close())
    const publicUrl = kubernetes.ingressUrl ?? ''
    await until(() => isAvailable(kubernetes), 'v1.1.0 to be available')

    const kubeconfig = join(directory, 'kubeconfig')
    await writeFile(kubeconfig, kubernetes.kubeconfig(namespace), { mode: 0o600 })
    const configuration = join(directory, 'purser.yaml')
    await writeConfiguration(configuration, {
      repository: repository.url,
      publicUrl,
      monitorSeconds: options.monitorSeconds ?? 30,
      imageBuild: options.imageBuild?.(registry.host),
    })
    const backups = join(directory, 'data', 'backups')
    return {
      directory,
      postgres,
      kubernetes,
      stripe,
      registry,
      slack,
      kubeconfig,
      publicUrl,
      serviceDatabaseUrl,
      stateDatabaseUrl: postgres.url(databases.state),
      backups,
      node,
      environment: {
        PURSER_CONFIG: configuration,
        PURSER_DATA_DIR: join(directory, 'data'),
        PURSER_BACKUP_DIR: backups,
        STATE_DATABASE_URL: postgres.url(databases.state),
        PURSER_AUDIT_KEY: secrets.auditKey,
        PRODUCTION_DATABASE_URL: serviceDatabaseUrl,
        STRIPE_SECRET_KEY: secrets.stripe,
        STRIPE_API_BASE: stripe.url,
        SLACK_BOT_TOKEN: secrets.slackBot,
        SLACK_APP_TOKEN: secrets.slackApp,
        SLACK_SIGNING_SECRET: secrets.slackSigning,
        SLACK_API_URL: slack.apiUrl,
        SLACK_MODE: options.slackMode ?? 'socket',
        PORT: String(botPort),
        KUBECONFIG: kubeconfig,
        REGISTRY_MIRRORS: `docker.io=${registry.host}`,
        ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** New for each world: nothing here opens anything elsewhere. */
function inventSecrets() {
  const random = () => randomBytes(16).toString('hex')
  return {
    stripe: `sk_test_${random()}`,
    slackBot: `xoxb-${random()}`,
    slackApp: `xapp-1-${random()}`,
    slackSigning: random(),
    auditKey: random(),
  }
}

function isAvailable(kubernetes: KubernetesSimulator): boolean {
  const status = kubernetes.read('Deployment', namespace, deployment)?.['status'] as
    | { readonly availableReplicas?: number }
    | undefined
  return status?.availableReplicas === 3
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited 60 s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}
