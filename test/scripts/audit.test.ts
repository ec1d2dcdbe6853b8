import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { knownAuditKey, openStores, type TestStores } from '../store/stores.ts'
import { withoutTrigger } from '../store/tampering.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let stores: TestStores
beforeAll(async () => {
  stores = await openStores()
})
beforeEach(async () => {
  await stores.reset()
  await stores.failedAt('rollout')
})
afterAll(() => stores.close())

/** The real script in a process of its own, with the environment that it is told and no other. */
function audit(args: readonly string[], env: Record<string, string> = environment()) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/audit.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise<{ code: number | null; lines: readonly string[] }>((resolve) =>
    child.on('close', (code) => resolve({ code, lines: output.trimEnd().split('\n') })),
  )
}

const environment = () => ({ STATE_DATABASE_URL: stores.url, PURSER_AUDIT_KEY: knownAuditKey })
const tampering = (sql: string) => withoutTrigger(stores, () => stores.pool.query(sql))

describe('npm run audit -- verify', () => {
  it('says what was looked at, and ends with 0 when nothing is wrong', async () => {
    const head = await stores.runs.auditHead()
    const before = await stores.everything()
    const { code, lines } = await audit(['verify'])
    expect(lines).toEqual([
      `Checked ${head?.sequence} events, 1 to ${head?.sequence}: ${head?.sequence} with a key.`,
      'Compared 1 run with 1 decision and 0 effects, and 1 anchor.',
      'No problems found.',
      `Head: ${head?.sequence}:${head?.hash}`,
    ])
    expect(code).toBe(0)
    expect(await stores.everything()).toEqual(before)
  })

  it('says how many of the newest events no anchor holds', async () => {
    const anchored = (await stores.runs.auditHead())?.sequence
    await stores.create()
    expect((await audit(['verify'])).lines).toContain(
      `The newest anchor is at event ${anchored}: cutting off the 1 event after it would leave no trace.`,
    )
  })

  it('names the first break and ends with 1', async () => {
    await tampering(`update purser.audit_events set actor = 'USAM' where sequence = 4`)
    const { code, lines } = await audit(['verify'])
    expect(lines).toContain("BROKEN: Event 4 was edited: its hash doesn't match its content.")
    expect(code).toBe(1)
  })

  it('compares the heads that it is given', async () => {
    const head = await stores.runs.auditHead()
    const anchor = `${head?.sequence}:${head?.hash}`
    expect((await audit(['verify', anchor])).code).toBe(0)
    await tampering(`delete from purser.posts; delete from purser.audit_events where sequence >= ${head?.sequence}`)
    const { code, lines } = await audit(['verify', anchor])
    expect(lines.join('\n')).toMatch(/^BROKEN: Events \d+ to \d+ are missing: .* and the given anchor has event/m)
    expect(code).toBe(1)
  })

  it.each(['1', '#1'])('looks at one run (%s)', async (run) => {
    const { code, lines } = await audit(['verify', run])
    expect(lines[1]).toBe('Compared 1 run with 1 decision and 0 effects, and 1 anchor.')
    expect(code).toBe(0)
    await tampering(`update purser.approvals set user_id = 'USAM'`)
    expect(await audit(['verify', run])).toMatchObject({ code: 1 })
  })

  it('without the key says that it could not look, and calls nothing sound', async () => {
    const { code, lines } = await audit(['verify'], { STATE_DATABASE_URL: stores.url })
    expect(lines.join('\n')).toMatch(/PURSER_AUDIT_KEY isn't set: anyone who can write[\s\S]*NOT CHECKED: \d+ events/)
    expect(lines.join('\n')).not.toContain('Nothing is wrong')
    expect(code).toBe(2)
  })

  it.each([
    [[], /^usage: npm run audit/],
    [['look'], /^usage: npm run audit/],
    [['verify', '12:abc'], /^usage: npm run audit/],
    [['verify', '1', '2'], /^usage: npm run audit/],
  ])('ends with 2 when it is used wrongly: %j', async (args, told) => {
    const { code, lines } = await audit(args)
    expect(lines.join('\n')).toMatch(told)
    expect(code).toBe(2)
  })

  it.each([
    ['no address', {}, /STATE_DATABASE_URL: is not set/],
    [
      'a short key',
      { STATE_DATABASE_URL: 'postgres://a:b@127.0.0.1:1/x', PURSER_AUDIT_KEY: 'tooshort' },
      /PURSER_AUDIT_KEY: must have/,
    ],
    [
      'a database that is away',
      { STATE_DATABASE_URL: 'postgres://a:secretword@127.0.0.1:1/x' },
      /^The audit could not be read: /,
    ],
  ])('ends with 2 when there is %s', async (_, env, told) => {
    const { code, lines } = await audit(['verify'], env)
    expect(lines.join('\n')).toMatch(told)
    expect(lines.join('\n')).not.toMatch(/tooshort|secretword/)
    expect(code).toBe(2)
  })
})
