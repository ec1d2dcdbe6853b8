import { describe, expect, it } from 'vitest'
import type { Chat, Directory } from '../../src/adapters/slack/port.ts'

export interface ChatUnderTest {
  readonly chat: Chat
  readonly directory: Directory
  /** A channel the bot is in. */
  readonly channel: string
  readonly group: { readonly id: string; readonly users: readonly string[] } | undefined
  /** Somebody of the workspace, no guest. */
  readonly person: string | undefined
}

/** What every Chat does, whether Slack or the sandbox is behind it. */
export function chatContract(name: string, open: () => Promise<ChatUnderTest>): void {
  const signal = AbortSignal.timeout(60_000)

  describe(`chat: ${name}`, () => {
    it('posts a message, edits it, answers in its thread and links to it', async () => {
      const { chat, channel } = await open()
      const posted = await chat.post(channel, { text: 'Planning v1.2.0' }, {}, signal)
      expect(posted.ts).toMatch(/^\d+\.\d{6}$/)
      const section = { type: 'section', text: { type: 'mrkdwn', text: '*Planned* v1.2.0' } }
      await chat.update(posted, { text: 'Planned v1.2.0', blocks: [section] }, signal)
      const reply = await chat.post(channel, { text: 'details' }, { threadTs: posted.ts }, signal)
      expect(reply.ts > posted.ts).toBe(true)
      expect(await chat.permalink(reply, signal)).toContain(`/archives/${posted.channel}/p${reply.ts.replace('.', '')}`)
      expect(await chat.permalink({ ...posted, ts: '1.000001' }, signal)).toBeUndefined()
    })

    it('uploads a report into the thread', async () => {
      const { chat, channel } = await open()
      const posted = await chat.post(channel, { text: 'Deployed v1.2.0' }, {}, signal)
      const where = { channel: posted.channel, threadTs: posted.ts }
      await chat.uploadText(where, { name: 'report.md', title: 'Report', content: '# v1.2.0\n✓ done\n' }, signal)
      await chat.uploadText(where, { name: 'empty.log', title: 'Nothing', content: '' }, signal)
    })

    it('says which error Slack gave and what to do about it', async () => {
      const { chat, channel } = await open()
      await expect(chat.post('C0NOWHERE', { text: 'x' }, {}, signal)).rejects.toMatchObject({
        name: 'SlackTrouble',
        code: 'channel_not_found',
        transient: false,
        hint: expect.stringContaining('purser.yaml'),
      })
      const wrong = { type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }
      await expect(chat.post(channel, { text: 'x', blocks: [wrong] }, {}, signal)).rejects.toMatchObject({
        code: 'invalid_blocks',
        evidence: ['[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]'],
      })
      await expect(chat.update({ channel, ts: '1.000001' }, { text: 'x' }, signal)).rejects.toMatchObject({
        code: 'message_not_found',
      })
    })

    it('tells where the app is installed, and who is in its workspace, in a channel and in a group', async () => {
      const { directory, channel, group, person } = await open()
      const { team } = await directory.workspace(signal)
      expect(team).toMatch(/^T\w+$/)
      expect((await directory.channelMembers(channel, signal)).value.length).toBeGreaterThan(0)
      await expect(directory.channelMembers('C0NOWHERE', signal)).rejects.toMatchObject({ code: 'channel_not_found' })
      await expect(directory.groupMembers('S0NOBODY', signal)).rejects.toMatchObject({ code: 'no_such_subteam' })
      expect(await directory.person('U0NOBODY', signal)).toBeUndefined()
      if (group !== undefined) expect((await directory.groupMembers(group.id, signal)).value).toEqual(group.users)
      if (person === undefined) return
      expect(await directory.person(person, signal)).toMatchObject({
        teams: [team],
        isStranger: false,
        isGuest: false,
        isBot: false,
        isDeactivated: false,
      })
    })

    it('does nothing once the caller gave up', async () => {
      const { chat, channel } = await open()
      const gone = AbortSignal.abort(new Error('cancelled by dana'))
      await expect(chat.post(channel, { text: 'late' }, {}, gone)).rejects.toThrow('cancelled by dana')
    })
  })
}
