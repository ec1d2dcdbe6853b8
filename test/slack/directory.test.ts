import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openDirectory } from '../../src/adapters/slack/directory.ts'
import { Sensitive } from '../../src/sensitive.ts'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { alex, approvers, channel, dana, openRoom, tokens } from './room.ts'

const minute = 60_000
const signal = () => AbortSignal.timeout(20_000)

let slack: SlackSimulator
beforeEach(async () => {
  slack = await openRoom({ rateLimits: false })
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await slack.close()
})

const open = () =>
  openDirectory({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl, requestTimeoutMs: 2_000 })
const asked = (method: string) => slack.control.apiCalls(method).length
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

describe('who somebody is', () => {
  it.each([
    [{ guest: 'multi-channel' }, { isGuest: true }],
    [{ guest: 'single-channel' }, { isGuest: true }],
    [{ deleted: true }, { isDeactivated: true }],
    [{ isBot: true }, { isBot: true }],
    [{ teamId: 'T0ELSEWHERE' }, { isStranger: true, teams: ['T0ELSEWHERE'] }],
  ] as const)('is told: %j', async (change, expected) => {
    slack.control.changePerson(dana, change)
    expect(await open().person(dana, signal())).toMatchObject(expected)
  })

  it('is asked once in three minutes, however many ask at once', async () => {
    const directory = open()
    await Promise.all([1, 2, 3].map(() => directory.person(dana, signal())))
    later(2 * minute)
    await directory.person(dana, signal())
    expect(asked('users.info')).toBe(1)
    slack.control.changePerson(dana, { deleted: true })
    later(2 * minute)
    expect(await directory.person(dana, signal())).toMatchObject({ isDeactivated: true })
  })

  it('is remembered for a quarter of an hour when Slack cannot be asked, and not longer', async () => {
    const directory = open()
    await directory.person(dana, signal())
    slack.control.setFault({ method: 'users.info', status: 503 })
    later(14 * minute)
    expect(await directory.person(dana, signal())).toMatchObject({ isGuest: false })
    later(2 * minute)
    await expect(directory.person(dana, signal())).rejects.toMatchObject({ code: 'slack_http_error' })
    await expect(directory.person(alex, signal())).rejects.toMatchObject({ code: 'slack_http_error' })
  })

  it('is remembered of the thousand who were asked for last', async () => {
    const directory = open()
    await directory.person(dana, signal())
    for (let count = 0; count < 1_000; count += 1) await directory.person(`U0NOBODY${count}`, signal())
    const before = asked('users.info')
    await directory.person(dana, signal())
    expect(asked('users.info')).toBe(before + 1)
  }, 30_000)
})

describe('who is in a group or a channel', () => {
  it('is asked once a minute', async () => {
    const directory = open()
    for (const _ of [1, 2]) await directory.groupMembers(approvers.id, signal())
    for (const _ of [1, 2]) await directory.channelMembers(channel, signal())
    expect([asked('usergroups.users.list'), asked('conversations.members')]).toEqual([1, 1])
  })

  it('is told as it was, with its age and the reason, while Slack cannot be asked', async () => {
    const directory = open()
    const { readAt } = await directory.groupMembers(approvers.id, signal())
    slack.control.setFault({ method: 'usergroups.users.list', error: 'missing_scope' })
    later(40 * minute)
    const before = asked('usergroups.users.list')
    expect(await directory.groupMembers(approvers.id, signal())).toEqual({
      value: approvers.users,
      readAt,
      trouble: expect.stringContaining('Slack says missing_scope'),
    })
    // People wait for the answer: Slack is not asked at each of their lines.
    await directory.groupMembers(approvers.id, signal())
    expect(asked('usergroups.users.list')).toBe(before + 1)
    later(24 * 60 * minute)
    await expect(directory.groupMembers(approvers.id, signal())).rejects.toMatchObject({ code: 'missing_scope' })
  })

  it('is forgotten when Slack says that there is no such group any more', async () => {
    const directory = open()
    await directory.groupMembers(approvers.id, signal())
    slack.control.setFault({ method: 'usergroups.users.list', error: 'no_such_subteam' })
    later(2 * minute)
    await expect(directory.groupMembers(approvers.id, signal())).rejects.toMatchObject({ code: 'no_such_subteam' })
    slack.control.clearFaults()
    slack.control.setFault({ method: 'usergroups.users.list', status: 503 })
    await expect(directory.groupMembers(approvers.id, signal())).rejects.toMatchObject({ code: 'slack_http_error' })
  })

  it('is read page by page, also in a channel of thousands', async () => {
    const crowd = Array.from({ length: 2_500 }, (_, index) => `U0CROWD${index}`)
    await slack.close()
    slack = await openRoom({ channels: [{ id: 'C0CROWD', name: 'crowd', members: crowd }], rateLimits: false })
    const { value } = await open().channelMembers('C0CROWD', signal())
    expect(value).toEqual([...crowd, 'U0PURSER'])
    expect(asked('conversations.members')).toBe(3)
  })

  it('needs another scope for a private channel, as with Slack', async () => {
    await slack.close()
    slack = await openRoom({
      channels: [{ id: 'G0PRIVATE', name: 'private', isPrivate: true }],
      scopes: ['channels:read'],
    })
    await expect(open().channelMembers('G0PRIVATE', signal())).rejects.toMatchObject({
      code: 'missing_scope',
      message: expect.stringContaining('needs groups:read'),
    })
  })
})
