import { existsSync } from 'node:fs'
import { App, LogLevel } from '@slack/bolt'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { describeApp } from './plain-app.ts'
import { alex, channel, dana, openRoom, tokens } from './room.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const installed = existsSync(executablePath)
if (!installed)
  console.log(`the page is not tested: there is no ${executablePath} (apt-get install chromium, or set CHROMIUM)`)

describe.skipIf(!installed)('the page', { timeout: 30_000 }, () => {
  let slack: SlackSimulator
  let app: App
  let browser: Browser

  beforeAll(async () => {
    slack = await openRoom()
    app = new App({
      token: tokens.botToken,
      appToken: tokens.appToken,
      socketMode: true,
      logLevel: LogLevel.ERROR,
      clientOptions: { slackApiUrl: slack.apiUrl },
    })
    describeApp(app)
    await app.start()
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await app?.stop()
    await slack?.close()
  })

  it('lets Dana type a command, Alex press the button, and both see what came of it', async () => {
    const page = await browser.newPage()
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(slack.pageUrl)
    const composer = page.getByRole('textbox', { name: 'Message' })
    await composer.fill('/billing de')
    expect(await page.getByRole('option').allInnerTexts()).toEqual([expect.stringContaining('deploy VERSION')])
    await composer.press('Tab')
    expect(await composer.inputValue()).toBe('/billing deploy ')
    await composer.pressSequentially('v1.2.0')
    await composer.press('Enter')
    await page.getByText('deploy v1.2.0').waitFor()

    await page.getByRole('radio', { name: 'Alex' }).click()
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('approved by alex').waitFor()
    await page.getByText('Only visible to you').waitFor()
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0)

    await page.getByRole('radio', { name: 'Dana' }).click()
    await page.getByText('Only visible to you').waitFor({ state: 'detached' })
    expect(problems).toEqual([])
    await page.close()
  })

  it('shows a dialog, its errors under the inputs, and what the app makes of it', async () => {
    const page = await browser.newPage({ viewport: { width: 390, height: 800 } })
    await page.goto(slack.pageUrl)
    await page.getByRole('textbox', { name: 'Message' }).fill('/billing rollback')
    await page.getByRole('button', { name: 'Send' }).click()
    const dialog = page.getByRole('dialog', { name: 'Roll back' })
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await dialog.getByText('Please complete this required field.').waitFor()
    await dialog.getByLabel('Why?').fill('because')
    await dialog.getByLabel('Who watches?').selectOption({ label: 'Alex' })
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await dialog.getByText('Say more.').waitFor()
    expect(await dialog.getByLabel('Why?').inputValue()).toBe('because')
    await dialog.getByLabel('Why?').fill('double charges')
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await page.getByText('double charges; @Alex watches').waitFor()
    await page.getByRole('button', { name: 'Close', exact: true }).last().click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.close()
  })

  it('shows what people write as text, never as HTML', async () => {
    const page = await browser.newPage()
    const evil = `<img src=x onerror="document.title='owned'"> <javascript:alert(1)|click> *<b>bold</b>*`
    const { reply } = await slack.control.type(dana, channel, evil)
    await slack.control.type(alex, channel, evil, reply!.ts)
    await page.goto(`${slack.pageUrl}archives/${channel}/p${reply!.ts.replace('.', '')}`)
    const message = page.locator(`[data-ts="${reply!.ts}"]`)
    await message.waitFor()
    expect(await message.locator('.blocks').innerText()).toBe(
      `<img src=x onerror="document.title='owned'"> <javascript:alert(1)|click> <b>bold</b>`,
    )
    await message.getByRole('button', { name: '1 reply' }).click()
    await page.getByRole('complementary', { name: 'Thread' }).getByText('onerror').nth(1).waitFor()
    expect(await page.locator('img, a[href^=javascript], .text b').count()).toBe(0)
    await page.close()
  })
})
