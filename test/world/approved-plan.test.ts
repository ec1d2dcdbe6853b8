import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startKubernetes } from '../../sandbox/kubernetes/server.ts'
import { people } from '../../sandbox/people.ts'
import { startStripe } from '../../sandbox/stripe/server.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { fakeRuntime } from '../kubernetes/fake-runtime.ts'
import { snapshotOf } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startTestWorld({ monitorSeconds: 3 })
  await world.startBot('purser')
  const [first] = await world.plays('deploy v1.2.0')
  if (first?.ok !== true) throw new Error(first?.why)
}, 360_000)
/** What a row has started beside the sandbox. */
const elsewhere: { close(): Promise<void> }[] = []
afterAll(async () => {
  await world.close()
  await Promise.all(elsewhere.map((one) => one.close()))
})

const board = () => world.seenBy('dana').findLast((it) => it.includes('→')) ?? ''
const waiting = () => board().includes('waiting for approval')

async function kubernetes(path: string, body: object, manager = 'kubectl-edit'): Promise<void> {
  const { url, token } = world.sandbox.kubernetes
  const answer = await fetch(`${url}${path}?fieldManager=${manager}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
}
const deploymentPath = `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`
const secretPath = `/api/v1/namespaces/${namespace}/secrets/stripe-credentials`
const cronJobPath = `/apis/batch/v1/namespaces/${namespace}/cronjobs/webhook-retry`

async function stripe(method: 'POST' | 'DELETE', fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const { STRIPE_SECRET_KEY: key = '' } = world.sandbox.environment
  const [endpoint] = world.sandbox.stripe
    .endpoints()
    .filter(({ status }) => status === 'enabled' || fields['disabled'] === 'false')
  const answer = await fetch(`${world.sandbox.stripe.url}/v1/webhook_endpoints/${endpoint?.id}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-www-form-urlencoded' },
    ...(method === 'POST' ? { body: new URLSearchParams(fields) } : {}),
  })
  expect(answer.status).toBe(200)
}
const allEvents = () =>
  Object.fromEntries(
    world.sandbox.stripe.endpoints()[0]?.enabled_events.map((event, at) => [`enabled_events[${at}]`, event]) ?? [],
  )

/** Starts Purser anew with another purser.yaml. */
async function restartWith(
  change: (yaml: string) => string,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { PURSER_CONFIG: config = '' } = world.sandbox.environment
  const other = `${config}.other.yaml`
  await writeFile(other, change(await readFile(config, 'utf8')))
  await world.bots.at(-1)?.stop()
  await world.startBot(`purser-${world.bots.length}`, { PURSER_CONFIG: other, ...environment })
}

/** The same purser.yaml with another policy of production. */
const withPolicy = (policy: Readonly<Record<string, unknown>>) => (yaml: string) => {
  const document = parseDocument(yaml)
  for (const [key, value] of Object.entries(policy))
    document.setIn(['environments', 'production', 'policy', key], value)
  return document.toString()
}

const approvals = async (run: number) =>
  (await world.state(`select 1 from purser.audit_events where run = ${run} and kind = 'approved'`)).length

/** Alex presses Approve until it counts: for a moment the board may still be that of the plan before. */
async function approve(run: number): Promise<void> {
  const before = await approvals(run)
  await expect
    .poll(
      async () => {
        if ((await approvals(run)) > before) return true
        await world.presses('alex', 'approve').catch(() => undefined)
        return (await approvals(run)) > before
      },
      { timeout: 90_000, interval: 1_000 },
    )
    .toBe(true)
}

async function planned(): Promise<number> {
  const known = board()
  await world.types('dana', '/billing deploy v1.2.0')
  await world.waitFor('the plan', () => board() !== known && waiting(), 90_000)
  const [run] = await world.state('select max(number)::int as number from purser.runs')
  return Number(run?.['number'])
}

const statusOf = async (run: number) =>
  (await world.state(`select status from purser.runs where number = ${run}`))[0]?.['status']
const outdated = async (run: number) =>
  Number(
    (
      await world.state(
        `select count(*)::int as n from purser.audit_events where run = ${run} and kind = 'plan_outdated'`,
      )
    )[0]?.['n'],
  )

interface Row {
  readonly what: string
  readonly tamper: () => Promise<void>
  readonly mend: () => Promise<void>
  /** Whether the thread says what it has to. */
  readonly said: Pick<RegExp, 'test'>
}

const production = ['environments', 'production']
/** A setting of every section, another value for it, and how it is named. */
const sections: readonly (readonly [readonly (string | number)[], unknown, string])[] = [
  [
    ['service', 'preflight', 'commands', 0, 'run'],
    ['true'],
    String.raw`service\.preflight\.commands\[.*\]\.run in purser`,
  ],
  [['service', 'migrations', 'lockTimeoutSeconds'], 7, String.raw`service\.migrations\.lockTimeoutSeconds in purser`],
  [['service', 'stripe', 'secret', 'acceptsList'], false, String.raw`service\.stripe\.secret\.acceptsList in purser`],
  [['service', 'cronJobs', 0, 'tryOnce'], false, String.raw`service\.cronJobs\[webhook-retry\]\.tryOnce in purser`],
  [['service', 'e2e', 'timeoutMinutes'], 9, String.raw`service\.e2e\.timeoutMinutes in purser`],
  [['service', 'monitor', 'breaches'], 9, String.raw`service\.monitor\.breaches in purser`],
  [['service', 'verify', 'timeoutSeconds'], 9, String.raw`service\.verify\.timeoutSeconds in purser`],
  [['service', 'rollout', 'graceSeconds'], 19, String.raw`service\.rollout\.graceSeconds in purser`],
  [['service', 'rollback', 'strict'], true, String.raw`service\.rollback\.strict in purser`],
  [[...production, 'backups', 'keep'], 13, String.raw`environment\.backups\.keep in purser`],
  [[...production, 'healthUrl'], 'http://127.0.0.1:1/health', String.raw`environment\.healthUrl in purser`],
  [
    [...production, 'policy', 'rollbackButtonHours'],
    23,
    String.raw`environment\.policy\.rollbackButtonHours in purser`,
  ],
]

const git = (...args: readonly string[]) =>
  execFileSync('git', ['-C', join(world.sandbox.directory, 'repository.git'), ...args], { encoding: 'utf8' }).trim()
let former = ''

const rows: readonly Row[] = [
  {
    what: 'another setting of the Deployment',
    tamper: () => kubernetes(deploymentPath, { spec: { minReadySeconds: 1 } }),
    mend: () => kubernetes(deploymentPath, { spec: { minReadySeconds: null } }),
    said: /spec\.minReadySeconds of the Deployment is 1 \(planned: not set\)/,
  },
  {
    what: 'the endpoint disabled',
    tamper: () => stripe('POST', { disabled: 'true' }),
    mend: () => stripe('POST', { disabled: 'false' }),
    said: /Stripe endpoint we_\w+ was disabled \(planned: enabled\)/,
  },
  {
    what: 'fewer events',
    tamper: () => {
      former = JSON.stringify(allEvents())
      return stripe('POST', { 'enabled_events[0]': 'invoice.paid' })
    },
    mend: () => stripe('POST', JSON.parse(former) as Record<string, string>),
    said: /Stripe endpoint we_\w+ has no longer [a-z._]+, .* and \d+ more \(planned: so\)/,
  },
  {
    what: 'the endpoint at another URL',
    tamper: () => {
      former = world.sandbox.stripe.endpoints()[0]?.url ?? ''
      return stripe('POST', { url: 'https://example.com/elsewhere' })
    },
    mend: () => stripe('POST', { url: former }),
    said: /Stripe endpoint we_\w+ was deleted, or has a different URL \(planned: keep\)/,
  },
  {
    what: 'the Secret written by somebody else',
    tamper: async () => {
      const data = world.sandbox.kubernetes.read('Secret', namespace, 'stripe-credentials')?.['data']
      former = (data as Record<string, string>)['webhook-secret'] ?? ''
      await kubernetes(secretPath, { data: { 'webhook-secret': Buffer.from('whsec_by_hand').toString('base64') } })
    },
    mend: () => kubernetes(secretPath, { data: { 'webhook-secret': former } }),
    said: /the Secret holds a different value \(fingerprint \w+\) \(planned: \w+\)/,
  },
  {
    what: 'the CronJob changed',
    tamper: () => kubernetes(cronJobPath, { spec: { schedule: '0 3 * * *' } }),
    mend: () => kubernetes(cronJobPath, { spec: { schedule: '*/5 * * * *' } }),
    said: /CronJob webhook-retry would be changed; spec\.schedule: 0 3 \* \* \* → .*; taken over from kubectl-edit \(planned: unchanged\)/,
  },
  {
    what: 'a migration taken out of the ledger',
    tamper: async () => {
      await world.service(
        `create table kept as select * from purser.migrations where name = '20260101092000_grace_periods.sql'`,
      )
      await world.service(`delete from purser.migrations where name = '20260101092000_grace_periods.sql'`)
    },
    mend: async () => {
      await world.service('insert into purser.migrations select * from kept')
      await world.service('drop table kept')
    },
    said: /20260101092000_grace_periods\.sql is pending too \(planned: nothing of it\)/,
  },
  {
    what: 'something in each section of purser.yaml',
    tamper: () =>
      restartWith((yaml) => {
        const document = parseDocument(yaml)
        for (const [path, value] of sections) document.setIn(path, value)
        return document.toString()
      }),
    mend: () => restartWith((yaml) => yaml),
    said: { test: (text) => sections.every(([, , named]) => new RegExp(named).test(text)) },
  },
  {
    what: 'another database behind the same variable',
    tamper: async () => {
      await world.service('create database elsewhere')
      const url = new URL(world.sandbox.environment['PRODUCTION_DATABASE_URL'] ?? '')
      url.pathname = '/elsewhere'
      await restartWith((yaml) => yaml, { PRODUCTION_DATABASE_URL: url.href })
    },
    mend: () => restartWith((yaml) => yaml),
    said: /the database has changed \(system identifier \d+, database elsewhere with oid \d+\) \(planned: system identifier \d+, database \w+ with oid \d+\)/,
  },
  {
    what: 'another Stripe account behind the same variables',
    tamper: async () => {
      const { STRIPE_SECRET_KEY: secretKey = '' } = world.sandbox.environment
      const account = await startStripe({ secretKey, accountId: 'acct_Elsewhere' })
      elsewhere.push(account)
      await restartWith((yaml) => yaml, { STRIPE_API_BASE: account.url })
    },
    mend: () => restartWith((yaml) => yaml),
    said: /the Stripe account has changed \(acct_Elsewhere in test mode\) \(planned: acct_\w+ in test mode\)/,
  },
  {
    what: 'another cluster behind the same variable, where no plan can be made at all',
    tamper: async () => {
      const cluster = await startKubernetes({ runtime: fakeRuntime(), namespaces: [namespace] })
      elsewhere.push(cluster)
      const kubeconfig = join(world.sandbox.directory, 'kubeconfig-elsewhere')
      await writeFile(kubeconfig, cluster.kubeconfig(namespace))
      await restartWith((yaml) => yaml, { KUBECONFIG: kubeconfig })
    },
    mend: () => restartWith((yaml) => yaml),
    said: /the cluster has changed \(uid [0-9a-f-]{36} of kube-system\) \(planned: uid [0-9a-f-]{36} of kube-system\)/,
  },
  {
    what: 'the tag',
    tamper: async () => {
      former = git('rev-parse', 'v1.2.0^{commit}')
      git('tag', '-f', 'v1.2.0', git('rev-parse', 'v1.1.0^{commit}'))
    },
    mend: async () => void git('tag', '-f', 'v1.2.0', former),
    said: /tag v1\.2\.0 moved to [0-9a-f]{7} \(planned: [0-9a-f]{7}\)/,
  },
]

/** What happens between the approval and a later phase: the comparison is the same, and so are the words. */
const later = [
  { after: 'preflight', what: 'fewer events' },
  { after: 'migrate', what: 'the CronJob changed' },
  { after: 'rollout', what: 'the Secret written by somebody else' },
  { after: 'stripe', what: 'the endpoint disabled' },
  { after: 'cronjobs', what: 'another setting of the Deployment' },
  { after: 'e2e', what: 'the endpoint at another URL' },
].map(({ after, what }) => ({ after, ...(rows.find((row) => row.what === what) as Row) }))
const earlier = rows.filter(
  ({ what }) => what === 'another setting of the Deployment' || !later.some((row) => row.what === what),
)

describe('between the plan and its approval', () => {
  it.each(earlier)(
    '$what: the run asks again and names it, and nothing was changed',
    async ({ tamper, mend, said }) => {
      const run = await planned()
      await tamper()
      const before = snapshotOf(world)
      await approve(run)
      try {
        await expect.poll(() => outdated(run), { timeout: 90_000 }).toBe(1)
        await world.waitFor('the reason in the thread', () => said.test(world.threads()), 45_000)
        expect(snapshotOf(world)).toEqual(before)
        expect(await world.state(`select kind, target from purser.effects where run = ${run}`)).toEqual([])
      } finally {
        await mend()
      }
      await expect.poll(() => statusOf(run), { timeout: 90_000 }).toMatch(/^(awaiting_approval|failed)$/)
      // The moved tag is not the image's commit: then there is no plan to approve.
      if ((await statusOf(run)) === 'failed') return world.presses('dana', 'leave')
      await world.waitFor('the question', waiting, 45_000)
      await world.rejects('alex')
      await expect.poll(() => statusOf(run), { timeout: 45_000 }).toBe('rejected')
    },
    270_000,
  )
})

describe('whoever approves, by the policy as it is when the run is to start', () => {
  const { alex, dana, sam } = people
  const ended = (run: number) => expect.poll(() => statusOf(run), { timeout: 90_000 }).toMatch(/^(rejected|cancelled)$/)

  it('waits for two when the policy has come to want two, and goes on with the second', async () => {
    const run = await planned()
    await restartWith(withPolicy({ approvals: 2, approvers: [alex.id, dana.id, sam.id] }))
    await approve(run)
    await world.waitFor('the board to say so', () => /1 of 2/.test(board()), 45_000)
    expect(await statusOf(run)).toBe('awaiting_approval')
    expect(await world.state(`select kind from purser.effects where run = ${run}`)).toEqual([])
    await world.presses('sam', 'approve')
    await expect.poll(() => statusOf(run), { timeout: 45_000 }).toBe('executing')
    await world.waitFor('the board of the run', () => board().includes(': running'), 45_000)
    await world.types('dana', `/billing cancel #${run}`)
    await ended(run)
    await restartWith((yaml) => yaml)
  }, 360_000)

  it('does not count somebody who was taken from the list after pressing', async () => {
    await restartWith(withPolicy({ approvals: 2, approvers: [alex.id, dana.id, sam.id] }))
    const run = await planned()
    await world.presses('sam', 'approve')
    await expect.poll(() => approvals(run), { timeout: 45_000 }).toBe(1)
    await restartWith(withPolicy({ approvals: 1, approvers: [alex.id, dana.id] }))
    await approve(run)
    await world.waitFor(
      'the reason in the thread',
      () => /The approval of .* no longer counts: they can't approve now/.test(world.threads()),
      15_000,
    )
    expect(await statusOf(run)).toBe('awaiting_approval')
    expect(await world.state(`select kind from purser.effects where run = ${run}`)).toEqual([])
    await world.rejects('alex')
    await ended(run)
    await restartWith((yaml) => yaml)
  }, 360_000)
})

describe('between the approval and a later phase', () => {
  let run = 0

  const succeeded = async (phase: string) =>
    (await world.state(`select status from purser.phases where run = ${run} and name = '${phase}'`))[0]?.['status'] ===
    'succeeded'

  it.each(later)(
    'after $after, $what: the next one asks again and names it',
    async ({ after, tamper, mend, said }) => {
      if (run === 0) run = await planned()
      const times = await outdated(run)
      const told = world.threads().length
      await approve(run)
      await expect.poll(() => succeeded(after), { timeout: 270_000, interval: 50 }).toBe(true)
      // Purser is away while somebody else works; the next process takes the run up.
      await world.bots.at(-1)?.stop()
      await tamper()
      await world.startBot(`purser-${world.bots.length}`)
      await expect.poll(() => outdated(run), { timeout: 180_000 }).toBe(times + 1)
      await world.waitFor('the reason in the thread', () => said.test(world.threads().slice(told)), 45_000)
      await expect.poll(() => statusOf(run), { timeout: 90_000 }).toMatch(/^(awaiting_approval|failed)$/)
      // What is asked now saw the tampered world: its plan is outdated as soon as it is approved, so it is made anew.
      await mend()
      if ((await statusOf(run)) === 'failed') await world.presses('dana', 'retry_phase')
      else {
        await approve(run)
        await expect.poll(() => outdated(run), { timeout: 90_000 }).toBe(times + 2)
      }
      await expect.poll(() => statusOf(run), { timeout: 90_000 }).toBe('awaiting_approval')
      await world.waitFor('the question', waiting, 45_000)
    },
    540_000,
  )

  it('goes through once nobody changes anything, and did nothing that its plans did not list', async () => {
    await approve(run)
    await expect.poll(() => statusOf(run), { timeout: 270_000 }).toBe('succeeded')
    expect(
      await world.state(
        `select e.kind, e.target from purser.effects e join purser.runs r on r.number = e.run
         where r.kind = 'deploy' and not exists (
           select from jsonb_array_elements(r.plan -> 'effects') p where p ->> 'kind' = e.kind and p ->> 'target' = e.target)`,
      ),
    ).toEqual([])
  }, 360_000)

  it('an endpoint that is gone before the approval is not made anew without being asked for', async () => {
    const other = await planned()
    await stripe('DELETE')
    const before = snapshotOf(world)
    await approve(other)
    await expect.poll(() => outdated(other), { timeout: 90_000 }).toBe(1)
    const gone = /Stripe endpoint we_\w+ was deleted, or has a different URL \(planned: keep\)/
    await world.waitFor('the reason in the thread', () => gone.test(world.threads()), 45_000)
    expect(snapshotOf(world)).toEqual(before)
    expect(await world.state(`select kind from purser.effects where run = ${other}`)).toEqual([])
    await world.waitFor('the plan to make it', () => /new Stripe endpoint/.test(board()), 90_000)
    await world.rejects('alex')
    await expect.poll(() => statusOf(other), { timeout: 45_000 }).toBe('rejected')
  }, 270_000)
})
