import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { barriersIn, chromiumIsHere } from './browser.ts'
import { openPageRoom, type PageRoom, phone } from './page-room.ts'
import { channel } from './room.ts'

// Where a picture of Slack could easily flatter it.

describe.skipIf(!chromiumIsHere)('the page draws what Slack would', { timeout: 30_000 }, () => {
  let room: PageRoom
  beforeAll(async () => {
    room = await openPageRoom({ messagesTab: false })
  }, 120_000)
  afterEach(() => room.leave())
  afterAll(() => room?.close())

  async function posted(blocks: readonly object[]): Promise<string> {
    const body = { channel, text: 'x', blocks: JSON.stringify(blocks) }
    const { ts } = (await room.app.client.apiCall('chat.postMessage', body)) as { ts?: string }
    return ts ?? ''
  }
  const edited = (ts: string, blocks: readonly object[]) =>
    room.app.client.apiCall('chat.update', { channel, ts, text: 'x', blocks: JSON.stringify(blocks) })

  it('a plan is folded at first, and folds again with every edit', async () => {
    const plan = (second: string) => ({
      type: 'plan',
      title: 'Two phases',
      tasks: [
        { type: 'task_card', task_id: '1', title: 'Migrate', status: 'complete' },
        { type: 'task_card', task_id: '2', title: 'Roll out', status: second },
      ],
    })
    const ts = await posted([plan('in_progress')])
    const page = await room.open()
    const message = page.locator(`[data-ts="${ts}"]`)
    await message.getByText('Two phases').waitFor()
    expect(await message.getByText('Roll out').isVisible()).toBe(false)
    expect(await message.getByRole('img', { name: 'running' }).isVisible()).toBe(true)
    await message.getByText('Two phases').click()
    await message.getByText('Roll out').waitFor()
    expect(await barriersIn(page)).toEqual([])

    await edited(ts, [plan('complete')])
    await message.getByText('2 of 2').waitFor()
    expect(await message.getByText('Roll out').isVisible()).toBe(false)
    expect(await message.getByRole('img', { name: 'done' }).first().isVisible()).toBe(true)
  })

  it('a long table scrolls inside its box, on a phone too', async () => {
    const cells = (name: string) =>
      [...'abcdefgh'].map((column) => ({ type: 'raw_text', text: `${name} of ${column}` }))
    const ts = await posted([{ type: 'table', rows: [cells('head'), cells('value'), cells('another value')] }])
    const page = await room.open({ viewport: phone })
    const box = page.locator(`[data-ts="${ts}"]`).getByRole('group', { name: 'Table' })
    await box.waitFor()
    expect(await box.getByRole('columnheader').count()).toBe(8)
    expect(await box.evaluate((it) => it.scrollWidth > it.clientWidth)).toBe(true)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(phone.width)
    await box.evaluate((it) => it.scrollTo({ left: it.scrollWidth }))
    await expect
      .poll(async () => ((await box.getByText('another value of h').boundingBox())?.x ?? phone.width) < phone.width)
      .toBe(true)
    expect(await barriersIn(page)).toEqual([])
  })

  it('dates stand in the time zone and with the clock of whoever looks', async () => {
    const now = new Date('2026-11-29T23:30:00Z')
    const seconds = now.getTime() / 1000
    const url = 'https://example.org/run'
    const date = { type: 'date', timestamp: seconds, format: 'at {date_short_pretty} {time}', fallback: 'then', url }
    const ts = await posted([
      { type: 'section', text: { type: 'mrkdwn', text: `<!date^${seconds}^since {date_short_pretty} {time}|then>` } },
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [date] }] },
      { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ ...date, format: '{frobnicate}' }] }] },
      {
        type: 'table',
        rows: [
          [{ type: 'raw_text', text: 'When' }],
          [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ ...date, format: '{time}' }] }] }],
        ],
      },
    ])
    for (const [timezoneId, locale, words] of [
      ['UTC', 'en-US', ['since today 11:30 PM', 'at today 11:30 PM', 'then', '11:30 PM']],
      ['Asia/Tokyo', 'en-GB', ['since today 08:30', 'at today 08:30', 'then', '08:30']],
    ] as const) {
      const page = await room.open({ timezoneId, locale })
      await page.clock.setFixedTime(now)
      await page.reload()
      const message = page.locator(`[data-ts="${ts}"]`)
      await message.locator('.blocks time').first().waitFor()
      const text = await message.locator('.blocks').first().innerText()
      for (const one of words) expect(text).toContain(one)
      expect(await message.getByRole('link', { name: 'at today' }).getAttribute('href')).toBe(url)
    }
  })

  it('App Home has no tab for messages when the app has switched it off, and the app cannot write there', async () => {
    const page = await room.open()
    await page.getByRole('button', { name: /^Purser/ }).click()
    await page.getByRole('heading', { name: 'Environments' }).waitFor()
    expect(await page.getByRole('button', { name: 'Home', exact: true }).count()).toBe(1)
    expect(await page.getByRole('button', { name: 'Messages', exact: true }).count()).toBe(0)
    const refused = room.app.client.chat.postMessage({ channel: 'U0DANA', text: 'psst' })
    await expect(refused).rejects.toMatchObject({ data: { error: 'messages_tab_disabled' } })
  })
})
