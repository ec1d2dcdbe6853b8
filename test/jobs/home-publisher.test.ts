import type { HomeView } from '@slack/types'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SlackRateLimited, SlackTrouble } from '../../src/adapters/slack/errors.ts'
import { HomePublisher } from '../../src/jobs/home-publisher.ts'

let told: string
let published: string[]
let refusal: Error | undefined
let home: HomePublisher<string>

beforeEach(() => {
  vi.useFakeTimers()
  told = 'nothing runs'
  published = []
  refusal = undefined
  home = new HomePublisher({
    facts: async () => told,
    render: async (_, text): Promise<HomeView> => ({
      type: 'home',
      blocks: [{ type: 'header', text: { type: 'plain_text', text } }],
    }),
    publish: async (user, view) => {
      if (refusal !== undefined) throw refusal
      published.push(`${user} ${JSON.stringify(view).includes('nothing') ? 'nothing' : told}`)
    },
    log: pino({ level: 'silent' }),
  })
})
afterEach(() => {
  home.close()
  vi.useRealTimers()
})

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000)

describe('App Home', () => {
  it('is shown when it is opened, and again only when something in it has changed', async () => {
    await home.opened('UDANA')
    await seconds(60)
    expect(published).toEqual(['UDANA nothing'])
    told = 'a run'
    await seconds(3)
    expect(published).toEqual(['UDANA nothing', 'UDANA a run'])
  })

  it('is published at most once in three seconds for a person, however often things change or it is opened', async () => {
    for (let second = 0; second < 30; second += 1) {
      told = `state ${second}`
      await home.opened('UDANA')
      await seconds(1)
    }
    expect(published.length).toBeGreaterThan(7)
    expect(published.length).toBeLessThanOrEqual(11)
  })

  it('is left alone a quarter of an hour after it was opened, and no timer is left', async () => {
    await home.opened('UDANA')
    await seconds(15 * 60 + 3)
    expect(vi.getTimerCount()).toBe(0)
    told = 'a run'
    await home.opened('UDANA')
    expect(published.at(-1)).toBe('UDANA a run')
  })

  it('waits when Slack asks it to, and then shows the latest', async () => {
    refusal = new SlackRateLimited('showing App Home to UDANA', 20_000)
    await home.opened('UDANA')
    refusal = undefined
    told = 'a run'
    await seconds(15)
    expect(published).toEqual([])
    await seconds(10)
    expect(published).toEqual(['UDANA a run'])
  })

  it('is given up where there is no Home tab', async () => {
    refusal = new SlackTrouble('not_enabled', 'showing App Home to UDANA: Slack says not_enabled')
    await home.opened('UDANA')
    await seconds(3)
    expect(vi.getTimerCount()).toBe(0)
  })
})
