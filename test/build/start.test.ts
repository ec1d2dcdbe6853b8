import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { type Bot, startBot } from '../../sandbox/bot.ts'
import { play } from '../../sandbox/play.ts'
import { startWorld, type World } from '../../sandbox/world.ts'

let directory: string | undefined
let world: World | undefined
let bot: Bot | undefined

afterEach(async () => {
  await bot?.stop()
  await world?.close()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

it('npm start compiles what is stale, gets ready, plans a deploy, and ends with 0 on SIGTERM', async () => {
  directory = await mkdtemp(join(tmpdir(), 'purser-start-'))
  world = await startWorld({ directory: join(directory, 'world'), slackPort: 0 })
  bot = startBot(world.environment, join(directory, 'bot.log'), ['npm', 'start'])
  await bot.ready

  const outcomes = await play(world, 'deploy v1.2.0 --dry-run', () => undefined)
  expect(outcomes).toEqual([expect.objectContaining({ ok: true, why: expect.stringContaining('v1.2.0') })])

  bot.kill('SIGTERM')
  expect(await bot.exited).toBe(0)
}, 180_000)
