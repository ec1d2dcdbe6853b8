import { readFile, writeFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import {
  kube,
  paths,
  restartPods,
  rolledOut,
  servicePods,
  sql,
  stripe as callStripe,
  until,
} from '../../../sandbox/breakages/hands.ts'
import { channels, people, type PersonName } from '../../../sandbox/people.ts'
import type { Message } from '../../../sandbox/slack/model.ts'
import { deployment, namespace } from '../../../sandbox/world.ts'
import type { StripeSimulator } from '../../../sandbox/stripe/server.ts'
import { ask } from '../../support/postgres.ts'
import { startTestWorld, type TestWorld, type TestWorldOptions } from '../test-world.ts'
import { type Edge, startEdge } from './edge.ts'

const secretName = 'stripe-credentials'
const secretKey = 'webhook-secret'
const path = '/api/billing/webhooks/stripe'
const base = 'purser_base'

/** What a scene looks like to those who play it: the sandbox's world, put back to a healthy one before each scene. */
export interface Stage {
  readonly world: TestWorld
  readonly stripe: StripeSimulator
  readonly edge: Edge
  readonly webhookUrl: string
  /** The service's endpoint of the beginning. */
  readonly endpointId: string
  /** Makes so many events of a type, and waits until Stripe has tried to deliver each to the service. Returns their ids. */
  makes(count: number, type?: string, object?: (index: number) => object): Promise<readonly string[]>
  /** Has everything that has happened at Stripe, in the cluster, in the service's tables and by Purser's hand happened so much earlier. */
  age(ms: number): Promise<void>
  /** Somebody writes the Secret's key by that field manager, and the pods start anew with it. */
  writesSecret(value: string, options?: { readonly manager?: string; readonly restart?: boolean }): Promise<void>
  /** Somebody changes an endpoint by Stripe's API. */
  changesEndpoint(id: string, form: Readonly<Record<string, string>>): Promise<void>
  /** The node's clock is so far ahead, and the pods start anew there. */
  skewsClock(ms: number): Promise<void>
}

/** Keys that each lack one right, by what they lack. */
const rights = [
  'rak_account_read',
  'rak_event_read',
  'rak_event_write',
  'rak_webhook_read',
  'rak_webhook_write',
  'rak_event_destination_read',
] as const
export const lackingKeys = {
  resending: { key: 'rk_test_withoutResending00', rights: rights.filter((one) => one !== 'rak_event_write') },
  changing: {
    key: 'rk_test_withoutChanging000',
    rights: rights.filter((one) => one !== 'rak_webhook_write' && !one.startsWith('rak_event_')),
  },
} as const

/** Another sandbox of the company's, whose key looks like the first one's. */
export const otherSandbox = { secretKey: 'sk_test_7QxBvLmTz3kWn9PdRy5', accountId: 'acct_1Beside00Staging00' } as const

export interface Run {
  readonly number: number
  readonly status: string
  /** Board and thread, as Dana sees them. */
  readonly text: string
}

export interface Theatre extends Stage {
  /** The healthy world again, with Purser started under that configuration. */
  begin(configuration: Readonly<Record<string, unknown>>, environment: Readonly<Record<string, string>>): Promise<void>
  /** Types a command and follows its run to where it ends or waits for an approval. */
  types(who: PersonName, text: string): Promise<Run>
  /** Presses a button, and follows the run that it begins. */
  presses(who: PersonName, button: string): Promise<Run>
  /** Approves a run and follows it to its end; `whileWatched` happens when the first sample of its watch is there. */
  approves(run: Run, whileWatched?: () => Promise<unknown>): Promise<Run>
  /** Presses Retry on a run that has failed, and follows it to its next end. */
  retries(run: Run): Promise<Run>
  /** Purser's database is lost; what stood in it after the base was deployed comes back, from a backup. */
  losesState(): Promise<void>
  close(): Promise<void>
}

/** What has nothing to do with Stripe takes no time here. */
const quick = {
  'service.preflight.commands': [{ name: 'nothing', run: ['node', '--version'] }],
  'service.e2e.run': ['node', '--version'],
  'environments.production.backups.testRestore.enabled': false,
}

const ended = /^(succeeded|failed|cancelled|rejected|expired)$/

export async function openTheatre(options: TestWorldOptions): Promise<Theatre> {
  const restrictedKeys = Object.fromEntries(Object.values(lackingKeys).map(({ key, rights: held }) => [key, held]))
  const world = await startTestWorld({ ...options, restrictedKeys, stripeSandboxes: [otherSandbox] })
  const { sandbox } = world
  const { stripe, environment } = sandbox
  const edge = await startEdge(sandbox.publicUrl)
  const webhookUrl = `${edge.url}${path}`
  const config = environment['PURSER_CONFIG'] ?? ''
  const original = await readFile(config, 'utf8')
  const admin = sandbox.postgres.adminUrl

  async function configure(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const yaml = parseDocument(original)
    const all = { ...quick, 'environments.production.webhookUrl': webhookUrl, ...changes }
    for (const [at, value] of Object.entries(all)) {
      if (value === undefined) yaml.deleteIn(at.split('.'))
      else yaml.setIn(at.split('.'), value)
    }
    await writeFile(config, yaml.toString())
  }

  stripe.setTraffic(0)
  await configure({})
  let started: Readonly<Record<string, string>> = {}
  let bot = await world.startBot('purser')
  const stage = { world, stripe, edge, webhookUrl, endpointId: '' }

  async function found(number: number, wanted: RegExp): Promise<Run> {
    let status = ''
    let ts = ''
    await until(
      `the end of run #${number}`,
      async () => {
        const [row] = await world.state(
          `select status, board_ts, (select count(*)::int from purser.posts where run = number and posted_at is null) as waiting
         from purser.runs where number = ${number}`,
        )
        status = String(row?.['status'])
        ts = String(row?.['board_ts'])
        return wanted.test(status) && row?.['waiting'] === 0 && row['board_ts'] !== null
      },
      240_000,
    )
    const { control } = sandbox.slack
    const user = people.dana.id
    const words = (messages: readonly Message[]) => messages.map((message) => control.plainText(message))
    const thread = () =>
      words(control.threadSeenBy(user, channels.deploys.id, ts).filter((message) => message.ts !== ts))
    const board = () =>
      words(control.messagesSeenBy(user, channels.deploys.id).filter((message) => message.ts === ts)).join()
    const asks = status === 'awaiting_approval'
    const isThere = () =>
      board() !== '' && asks === /waiting for approval/.test(board()) && (asks || !/: (running|planning)/.test(board()))
    await world.waitFor(`the board of #${number}, ${status}`, isThere, 30_000).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${board()}`)
    })
    return { number, status, text: [board(), ...thread(), ...reports(ts)].join('\n') }
  }

  function reports(ts: string): readonly string[] {
    return sandbox.slack.control.uploads
      .filter(({ threadTs }) => threadTs === ts)
      .map(({ content }) => content.toString())
  }

  async function next(act: () => Promise<unknown>): Promise<Run> {
    const newest = async () =>
      Number((await world.state('select coalesce(max(number), 0)::int as n from purser.runs'))[0]?.['n'])
    const before = await newest()
    await act()
    await until('the run', async () => (await newest()) > before)
    return found(await newest(), /succeeded|failed|cancelled|rejected|expired|awaiting_approval|planned|rolled_back/)
  }

  const theatre: Theatre = {
    ...stage,
    get endpointId() {
      return stage.endpointId
    },
    async makes(count, type = 'invoice.paid', object) {
      const ids = Array.from({ length: count }, (_, index) => stripe.emit(type, object?.(index)).id)
      const ours = () => stripe.deliveries().filter(({ url }) => url === webhookUrl)
      const tried = () => new Set(ours().map(({ eventId }) => eventId))
      const subscribes = (types: readonly string[]) => types.includes(type) || types.includes('*')
      const taken = stripe
        .endpoints()
        .some((one) => one.status === 'enabled' && one.url === webhookUrl && subscribes(one.enabled_events))
      if (taken) await until('the deliveries', () => ids.every((id) => tried().has(id)))
      return ids
    },
    async age(ms) {
      stripe.age(ms)
      sandbox.kubernetes.age(ms)
      for (const { id, metadata } of stripe.endpoints()) {
        const at = metadata['purser_first_enabled']
        if (at === undefined) continue
        const earlier = new Date(Date.parse(at) - ms).toISOString()
        await callStripe(sandbox, `/v1/webhook_endpoints/${id}`, { 'metadata[purser_first_enabled]': earlier })
      }
      const by = `interval '${ms} milliseconds'`
      await sql(
        sandbox,
        `update webhook_events set received_at = received_at - ${by}, processed_at = processed_at - ${by}`,
      )
      await sql(sandbox, `update billing_audit_log set created_at = created_at - ${by}`)
      await world.state(`update purser.effects set at = at - ${by}, settled_at = settled_at - ${by}`)
    },
    async writesSecret(value, { manager = 'kubectl-edit', restart = true } = {}) {
      const { url, token } = sandbox.kubernetes
      const pods = servicePods(sandbox)
      const answer = await fetch(`${url}${paths.secret(secretName)}?fieldManager=${manager}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({ stringData: { [secretKey]: value } }),
      })
      if (!answer.ok) throw new Error(await answer.text())
      if (!restart) return
      await Promise.all(pods.map((name) => kube(sandbox, 'DELETE', `${paths.pods}/${name}`, { gracePeriodSeconds: 1 })))
      await rolledOut(sandbox, pods)
    },
    changesEndpoint: (id, form) => callStripe(sandbox, `/v1/webhook_endpoints/${id}`, form),
    async skewsClock(ms) {
      sandbox.node.clockSkewMs = ms
      await restartPods(sandbox)
    },
    types: (who, text) => next(() => world.types(who, `/billing ${text}`)),
    presses: (who, button) => next(() => world.presses(who, button)),
    async approves({ number }, whileWatched) {
      await world.presses('alex', 'approve')
      if (whileWatched !== undefined) {
        const begun = `select from purser.samples where run = ${number} and stage = 'watching' limit 1`
        await until('the watch', async () => (await world.state(begun)).length > 0, 240_000)
        await whileWatched()
      }
      return found(number, ended)
    },
    async retries({ number }) {
      await world.presses('dana', 'retry_phase')
      const goesOn = async () => {
        const [row] = await world.state(`select status from purser.runs where number = ${number}`)
        return row?.['status'] !== 'failed'
      }
      await until('the retry', goesOn)
      return found(number, ended)
    },
    async losesState() {
      await stopped()
      await oldState()
      bot = await world.startBot('purser', started)
    },
    async begin(configuration, variables) {
      await stopped()
      edge.setRule(undefined)
      stripe.setFault(undefined)
      putBack()
      await cluster()
      await oldState()
      for (const table of ['webhook_events', 'billing_audit_log', 'grace_periods', 'webhook_dead_letter_queue'])
        await sql(sandbox, `truncate ${table}`)
      await configure(configuration)
      started = variables
      bot = await world.startBot('purser', started)
    },
    async close() {
      await world.close()
      await edge.close()
    },
  }

  async function oldState(): Promise<void> {
    await ask(admin, 'drop database if exists purser with (force)')
    await ask(admin, `create database purser template ${base}`)
  }

  async function stopped(): Promise<void> {
    await bot.stop()
    world.bots.splice(0)
  }

  const secret = () => sandbox.kubernetes.read('Secret', namespace, secretName)?.['data'] as Record<string, string>
  const template = () => {
    const spec = sandbox.kubernetes.read('Deployment', namespace, deployment)?.['spec'] as
      | { readonly template: { readonly metadata: { readonly annotations?: object } } }
      | undefined
    return spec?.template.metadata.annotations ?? {}
  }

  /** Puts the Secret back, and the pods that read it, by Purser's own hand. */
  async function cluster(): Promise<void> {
    const now = secret()
    if (sandbox.node.clockSkewMs !== 0) await theatre.skewsClock(0)
    const wrong =
      JSON.stringify(now) !== JSON.stringify(held) || JSON.stringify(template()) !== JSON.stringify(annotations)
    if (!wrong) return
    const pods = servicePods(sandbox)
    const data = { ...Object.fromEntries(Object.keys(now ?? {}).map((key) => [key, null])), ...held }
    await patched(paths.secret(secretName), { data })
    await patched(paths.deployment, { spec: { template: { metadata: { annotations } } } })
    await Promise.all(
      pods.map((name) =>
        kube(sandbox, 'DELETE', `${paths.pods}/${name}`, { gracePeriodSeconds: 1 }).catch(() => undefined),
      ),
    )
    await rolledOut(sandbox, pods)
  }

  async function patched(at: string, body: object): Promise<void> {
    const { url, token } = sandbox.kubernetes
    const answer = await fetch(`${url}${at}?fieldManager=purser`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(await answer.text())
  }

  // The base: v1.2.0 is deployed through the front door, and what stands then is what each scene begins with.
  stripe.setTraffic(300)
  const first = await theatre.approves(await theatre.types('dana', 'deploy v1.2.0'))
  if (first.status !== 'succeeded') throw new Error(`the base was not deployed: ${first.text}`)
  stripe.setTraffic(0)
  stage.endpointId = stripe.endpoints()[0]?.id ?? ''
  const held = secret()
  const annotations = template()
  const putBack = stripe.kept()
  await stopped()
  // The test's own questions keep a connection open, and a database that is copied must have none.
  await ask(admin, `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = 'purser'`)
  await ask(admin, `create database ${base} template purser`)
  return theatre
}
