import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { channels, people } from '../../sandbox/people.ts'
import { deployment, namespace } from '../../sandbox/world.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

describe('what Purser refuses', () => {
  let world: TestWorld
  let before: WorldSnapshot
  beforeAll(async () => {
    world = await startTestWorld()
    await world.startBot('purser')
    before = snapshotOf(world)
  })
  afterAll(() => world.close())

  async function answerTo(who: 'dana' | 'alex' | 'sam', text: string): Promise<string> {
    const { control } = world.sandbox.slack
    const answers = () =>
      control.messagesSeenBy(people[who].id, channels.deploys.id).filter((one) => one.is_ephemeral === true).length
    const earlier = answers()
    await world.types(who, text)
    await world.waitFor(`an answer to ${text}`, () => answers() > earlier)
    return world.toldOnly(who) ?? ''
  }

  async function runs(): Promise<number> {
    return Number((await world.state('select count(*)::int as count from purser.runs'))[0]?.['count'])
  }

  it.each([
    ['sam', '/billing deploy v1.2.0', /You can't start or change runs in production\. Ask @Dana/],
    ['sam', '/billing rollback', /You can't start or change runs in production\. Ask @Dana/],
    ['sam', '/billing retry #99', /You can't start or change runs in production\. Ask @Dana/],
    ['dana', '/billing rollback', /Nothing to roll back in production/],
    ['dana', '/billing deploy v1.2.0; rm -rf /', /v1\.2\.0; isn't a version/],
    ['dana', '/billing lock x', /Give a reason \(3–300 characters\)/],
    ['dana', '/billing deploy v1.2.0 produktion', /Unknown environment produktion\. Did you mean production\?/],
    ['dana', '/billing deploy v1.2.0 --force', /no option --force/],
    ['dana', '/billing depoly v1.2.0', /Did you mean deploy\?/],
    ['dana', '/billing retry #99', /no run #99/],
    ['dana', '/billing cancel', /Nothing running or waiting/],
  ] as const)('%s typing %s gets one clear answer and nothing changes', async (who, text, expected) => {
    const count = await runs()
    expect(await answerTo(who, text)).toMatch(expected)
    expect(await runs()).toBe(count)
    expect(snapshotOf(world)).toEqual(before)
  })

  it('an unknown version is told to its typist alone, with the nearest tags, and no run is made', async () => {
    const count = await runs()
    expect(await answerTo('dana', '/billing deploy v9.9.9')).toMatch(
      /There's no tag v9\.9\.9\. Closest: .*v1\.2\.0[\s\S]*\[Deploy v/,
    )
    expect(await runs()).toBe(count)
    expect(snapshotOf(world)).toEqual(before)
  })

  it('Dana cannot approve her own run; Sam cannot approve at all; Alex can, once', async () => {
    await world.types('dana', '/billing deploy v1.2.0')
    await world.waitFor('the plan', () => (world.seenBy('dana').at(-1) ?? '').includes('waiting for approval'))
    await world.presses('dana', 'approve')
    await world.waitFor('a refusal', () => /You can't approve your own run/.test(world.toldOnly('dana') ?? ''))
    await world.presses('sam', 'approve')
    await world.waitFor('a refusal', () => /You can't approve/.test(world.toldOnly('sam') ?? ''))
    expect(await world.state(`select status from purser.runs order by number desc limit 1`)).toEqual([
      { status: 'awaiting_approval' },
    ])
    expect(await world.state('select 1 from purser.effects')).toEqual([])
    expect(snapshotOf(world)).toEqual(before)
    const refused = await world.state(`select actor from purser.audit_events where kind = 'refused'`)
    expect(refused.map((it) => it['actor'])).toEqual(expect.arrayContaining(['U0SAM', 'U0DANA']))

    await world.rejects('alex')
    await world.waitFor('the end', () =>
      (world.seenBy('dana').findLast((it) => it.includes('→')) ?? '').includes('rejected'),
    )
    expect(snapshotOf(world)).toEqual(before)
  }, 180_000)

  it('a dry run plans, offers no approval, and changes nothing', async () => {
    await world.succeeds('deploy v1.2.0 --dry-run')
    expect(world.seenBy('dana').at(-1)).toMatch(/dry run/)
    expect(world.seenBy('dana').at(-1)).not.toContain('[Approve]')
    expect(snapshotOf(world)).toEqual(before)
    expect(await world.service(`select 1 from pg_tables where tablename = 'grace_periods'`)).toEqual([])
  }, 180_000)

  it('no migration starts with a backup that is too old, nor with one that is not what was proven', async () => {
    const { PURSER_CONFIG: config = '', PURSER_BACKUP_DIR: directory = '' } = world.sandbox.environment
    const impatient = `${config}.impatient.yaml`
    await writeFile(impatient, (await readFile(config, 'utf8')).replace('maxAgeMinutes: 60', 'maxAgeMinutes: 0.0001'))
    await world.bots[0]?.stop()
    await world.startBot('impatient', { PURSER_CONFIG: impatient })
    const [tooOld] = await world.plays('deploy v1.2.0')
    expect(tooOld?.ok).toBe(false)
    expect(world.threads()).toMatch(/backup backup_\S+\.dump is \d+ m?s old/)
    expect(world.threads()).toContain('Migrations need a backup younger than 0.0001 min')

    await world.bots[1]?.stop()
    const [dump = ''] = (await readdir(directory)).filter((name) => name.endsWith('.dump'))
    const [data = ''] = (await readdir(join(directory, dump))).filter((name) => /\.(gz|zst)$/.test(name))
    await truncate(join(directory, dump, data), 20)
    await world.startBot('patient')
    await world.presses('dana', 'retry_phase')
    await world.waitFor('another approval', () =>
      world.threads().includes('environment.backups.maxAgeMinutes in purser.yaml is 60 (planned: 0.0001)'),
    )
    await world.waitFor('the new plan', () => world.seenBy('alex').at(-1)?.includes('[Approve]') === true)
    await world.presses('alex', 'approve')
    await world.waitFor('a refusal', () => world.threads().includes('the file is not what was written'))

    const tables = `select 1 from pg_tables where tablename in ('billing_audit_log', 'grace_periods')`
    expect(await world.service(tables)).toEqual([])
    expect(await world.state('select 1 from purser.effects')).toEqual([])
  }, 360_000)

  it('a paused deployment takes no deploy, and the plan says how to resume it', async () => {
    await pause(true)
    const [outcome] = await world.plays('deploy v1.2.0')
    expect(outcome?.ok).toBe(false)
    expect(world.seenBy('dana').at(-1)).toMatch(
      /Deployment valuecanvas-api is paused[\s\S]*kubectl rollout resume deployment\/valuecanvas-api -n production[\s\S]*\[Plan again\]/,
    )
    await pause(false)
    expect(snapshotOf(world)).toEqual(before)
  }, 180_000)

  async function pause(paused: boolean): Promise<void> {
    const { url, token } = world.sandbox.kubernetes
    const answer = await fetch(`${url}/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { paused } }),
    })
    expect(answer.status).toBe(200)
  }
})
