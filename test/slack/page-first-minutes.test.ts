import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Tour } from '../../sandbox/slack/page-state.ts'
import { barriersIn, chromiumIsHere } from './browser.ts'
import { desk, openPageRoom, type PageRoom, phone } from './page-room.ts'
import { alex, channel, dana } from './room.ts'

const tour: Tour = {
  channel,
  steps: [
    { label: 'Deploy v1.2.0', as: dana, types: 'deploy v1.2.0' },
    { label: 'Become Alex', as: alex },
    { label: 'Approve', as: alex, presses: 'approve' },
  ],
  failures: [
    {
      title: 'Deploy a broken version',
      failures: [{ name: 'v1.3.0-crash', about: 'its pods crash', command: 'deploy v1.3.0-crash' }],
    },
    {
      title: 'Break the world',
      failures: [
        { name: 'clock-skew', about: 'the clock is late', command: 'diagnose webhook', breaks: true },
        { name: 'no-such-thing', about: 'cannot be broken', command: 'diagnose cronjob', breaks: true },
      ],
    },
  ],
}

describe.skipIf(!chromiumIsHere)('the first five minutes at the page', { timeout: 30_000 }, () => {
  let room: PageRoom
  const broken: string[] = []
  beforeEach(async () => {
    broken.length = 0
    room = await openPageRoom({
      addresses: [
        { label: 'kubeconfig', command: 'export KUBECONFIG=here' },
        { label: 'database', command: 'psql postgres://purser:hush@127.0.0.1/valuecanvas', secret: true },
      ],
    })
    room.slack.control.setTour(tour, {
      break: async (name) => {
        if (name === 'no-such-thing') throw new Error('there is nothing to break')
        broken.push(name)
      },
      mend: async () => void broken.splice(0),
    })
  }, 120_000)
  afterEach(async () => {
    await room.leave()
    await room.close()
  })

  const composer = (page: Page) => page.getByRole('textbox', { name: 'Message' })
  const isFocused = (page: Page) => composer(page).evaluate((it) => it.matches(':focus'))
  const chips = (page: Page) => page.getByRole('region', { name: 'Try it' })

  it.each([
    ['a desk', desk],
    ['a phone', phone],
  ])('three clicks deploy, become Alex and approve, on %s', async (_, viewport) => {
    const page = await room.open({ viewport })
    const chip = (name: string) => chips(page).getByRole('button', { name })
    await expect
      .poll(() => chips(page).getByRole('button').allInnerTexts())
      .toEqual([
        expect.stringMatching(/1\s+Deploy v1\.2\.0/),
        expect.stringMatching(/2\s+Become Alex/),
        expect.stringMatching(/3\s+Approve/),
      ])
    expect(await chip('Approve').isDisabled()).toBe(true)
    expect(await barriersIn(page)).toEqual([])

    await chip('Deploy v1.2.0').click()
    await page.getByText('deploy v1.2.0', { exact: true }).waitFor()
    await chip('Become Alex').click()
    expect(await page.getByRole('radio', { name: 'Alex' }).isChecked()).toBe(true)
    await chip('Approve').click()
    await page.getByText('approved by alex').waitFor()
    await expect.poll(() => chip('Approve').isDisabled()).toBe(true)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
    expect(await barriersIn(page)).toEqual([])

    await page.getByRole('button', { name: 'Hide the tour' }).click()
    expect(await chips(page).count()).toBe(0)
  })

  it('a failure can be tried: a broken version, or a world that is broken first and mended after', async () => {
    const page = await room.open({ viewport: phone })
    const list = chips(page).locator('details')
    const choose = async (name: RegExp) => {
      await list.getByText('Try a failure').click()
      await list.getByRole('button', { name }).click()
    }
    await choose(/v1\.3\.0-crash/)
    await page.getByText('deploy v1.3.0-crash', { exact: true }).waitFor()
    expect(await list.getByRole('button', { name: /clock-skew/ }).isVisible()).toBe(false)
    await list.getByText('Try a failure').click()
    expect(await barriersIn(page)).toEqual([])
    await page.keyboard.press('Escape')
    expect(await list.getByRole('button', { name: /clock-skew/ }).isVisible()).toBe(false)

    await choose(/clock-skew/)
    await page.getByText('diagnose webhook', { exact: true }).waitFor()
    expect(broken).toEqual(['clock-skew'])
    await choose(/no-such-thing/)
    await page.getByRole('alert').getByText('there is nothing to break').waitFor()
    expect(await page.getByText('diagnose cronjob', { exact: true }).count()).toBe(0)
    await choose(/Mend everything/)
    await expect.poll(() => broken).toEqual([])
  })

  it('the composer has the focus at once, and again when somebody else is chosen', async () => {
    const page = await room.open()
    await expect.poll(() => isFocused(page)).toBe(true)
    await page.keyboard.type('/billing deploy v1.2.0')
    await page.getByRole('radio', { name: 'Alex' }).check()
    await expect.poll(() => isFocused(page)).toBe(true)
    // Arrow keys go through the people: the focus stays with them.
    await page.getByRole('radio', { name: 'Alex' }).focus()
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => page.getByRole('radio', { name: 'Sam' }).isChecked()).toBe(true)
    expect(await isFocused(page)).toBe(false)
  })

  it('addresses with passwords are shown and copied only when asked for', async () => {
    const page = await room.open()
    await page.getByRole('button', { name: 'Copy kubeconfig' }).waitFor()
    expect(await page.getByText('hush').count()).toBe(0)
    await page.getByRole('button', { name: 'Show 1 with passwords' }).click()
    await page.getByRole('button', { name: 'Copy database' }).waitFor()
    await page.getByRole('button', { name: 'Hide', exact: true }).click()
    expect(await page.getByText('hush').count()).toBe(0)
  })

  it('words that are no command are answered with a pointer to the commands', async () => {
    const page = await room.open()
    await composer(page).fill('hello, can you deploy?')
    await composer(page).press('Enter')
    const pointer = page.getByRole('status').filter({ hasText: 'This channel takes commands' })
    await pointer.waitFor()
    expect(await barriersIn(page)).toEqual([])
    await pointer.getByRole('button', { name: '/billing help' }).click()
    await page.getByText('Usage: /billing deploy VERSION').waitFor()
    expect(await pointer.count()).toBe(0)
  })

  it('the headline of a tall message is in view when it arrives, and stays while the message grows', async () => {
    const page = await room.open({ viewport: phone })
    const list = page.getByRole('log', { name: 'Messages' })
    const message = (name: string, lines: number) => ({
      channel,
      text: name,
      blocks: [
        { type: 'header' as const, text: { type: 'plain_text' as const, text: name } },
        ...Array.from({ length: lines }, (_, line) => ({
          type: 'section' as const,
          text: { type: 'mrkdwn' as const, text: `line ${line} of ${name}` },
        })),
      ],
    })
    const inView = async (name: string) => {
      const [box, outer] = [await page.getByRole('heading', { name }).boundingBox(), await list.boundingBox()]
      return box !== null && outer !== null && box.y >= outer.y && box.y + box.height <= outer.y + outer.height
    }
    for (const name of ['first', 'second']) {
      await room.app.client.chat.postMessage(message(name, 40))
      await page.getByRole('heading', { name }).waitFor()
      await expect.poll(() => inView(name)).toBe(true)
    }
    const { ts } = await room.app.client.chat.postMessage(message('third', 30))
    await page.getByRole('heading', { name: 'third' }).waitFor()
    await room.app.client.chat.update({ ...message('third', 45), ts: ts ?? '' })
    await page.getByText('line 44 of third').waitFor()
    expect(await inView('third')).toBe(true)

    // Who has gone to the end stays there while it grows; who has gone elsewhere stays there whatever comes.
    const place = () => list.evaluate((it) => it.scrollHeight - it.clientHeight - it.scrollTop)
    await list.evaluate((it) => it.scrollTo({ top: it.scrollHeight }))
    await expect.poll(place).toBeLessThan(2)
    await room.app.client.chat.update({ ...message('third', 48), ts: ts ?? '' })
    await page.getByText('line 47 of third').waitFor()
    await expect.poll(place).toBeLessThan(2)
    // The content grows in the same frame, before the scroll event has come.
    await page.evaluate(`new Promise((settled) => requestAnimationFrame(() => {
      const list = document.querySelector('[role=log]')
      list.scrollTo({ top: 200 })
      list.firstElementChild.append(Object.assign(document.createElement('p'), { textContent: 'grown' }))
      requestAnimationFrame(() => requestAnimationFrame(settled))
    }))`)
    await room.app.client.chat.postMessage(message('fourth', 3))
    await page.getByRole('heading', { name: 'fourth' }).waitFor()
    expect(await list.evaluate((it) => Math.round(it.scrollTop))).toBe(200)
  })
})
